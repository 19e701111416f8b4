"""The token that a caller must show: made once, read anew for each request."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import Mistake, SettingsError
from config.secrets import read_secret
from doorbell.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.production.production_settings import ProductionSettings

NAME = "web.token"
_BYTES = 32
# Nobody guesses that many characters at the rate of a network.
MIN_LENGTH = 16
_KEY = "web.token_file"


class Token:
    """The token's file. A new content counts from the next request on.

    Args:
        settings: `[web] token_file`, and where the state is.
        environ: with the folder of systemd's credentials.
    """

    def __init__(
        self, settings: ProductionSettings, environ: Mapping[str, str]
    ) -> None:
        self._made_here = not settings.web.token_file
        made = str(Path(settings.storage.dir).absolute() / NAME)
        self._name = settings.web.token_file or made
        self._environ = environ

    def make_if_missing(self) -> None:
        """Write a new token, unless there is one or the owner names a file.

        Raises:
            StorageError: the state directory takes no file.
        """
        path = Path(self._name)
        if not self._made_here or path.exists():
            return
        try:
            # Another slot may start at the same moment: whoever is first has made it.
            with contextlib.suppress(FileExistsError):
                _write_whole(path)
        except OSError as error:
            msg = f"cannot make {self._name}: {error.strerror or error}"
            raise StorageError(msg) from error

    def is_shown_by(self, authorization: str) -> bool:
        """Whether this header shows the token.

        Args:
            authorization: value of the header `Authorization`.

        Raises:
            SettingsError: the file cannot be read, or the token is short.
        """
        scheme, _, offered = authorization.partition(" ")
        wanted = read_secret(_KEY, self._name, self._environ)
        if len(wanted) < MIN_LENGTH:
            message = f"the token has fewer than {MIN_LENGTH} characters"
            raise SettingsError([Mistake(_KEY, None, message, self._name)])
        # Digests, so that the time tells neither content nor length.
        same = hmac.compare_digest(_digest(offered.strip()), _digest(wanted))
        return same and scheme.lower() == "bearer"


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


def _write_whole(path: Path) -> None:
    """Make the file with its content in one step: a torn token would lock all out.

    Raises:
        FileExistsError: there is one.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w") as file:
            file.write(secrets.token_urlsafe(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
