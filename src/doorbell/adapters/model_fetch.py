"""Fetch a model: from where it is published, a mirror, or a file brought along.

What arrives goes into a file of its own beside the folder's models, is checked against
the catalogue, and only then gets its name. A download that was cut off goes on where it
ended; one that is wrong leaves nothing.
"""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from doorbell.adapters.durable_file import sync_folder, told_as_storage_error
from doorbell.adapters.model_folder import PARTIAL, is_exactly
from doorbell.core.errors import (
    BadInputError,
    ModelError,
    StorageError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from doorbell.adapters.model_catalogue import Model
    from doorbell.adapters.model_folder import ModelFolder

PIECE_BYTES = 64 * 1024
TIMEOUT_S = 30.0
# A drop in the middle is taken up so often before the command gives up.
ATTEMPTS = 4
SCHEMES = ("https://", "http://")
_PARTIAL_CONTENT = 206
_OFFLINE = "Fetch it on another machine and give it with --file PATH."


class Source(Protocol):
    """A stream of bytes: a file, or the answer of a server."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        ...


def fetch(
    model: Model, folder: ModelFolder, url: str, arrived: Callable[[int], None]
) -> Path:
    """Download a model into the folder, unless it is there.

    Args:
        model: of the catalogue.
        folder: of models.
        url: where from.
        arrived: called with the number of bytes there are so far.

    Raises:
        UnavailableError: the server does not answer, or not with the file.
        ModelError: what came is another file; nothing of it is kept.
        StorageError: the folder cannot be written.
    """
    if not url.startswith(SCHEMES):
        msg = f"{url} is no address of the web"
        raise BadInputError(msg, hint="It begins with https:// or http://.")
    with folder.being_changed():
        if folder.condition(model) == "installed":
            return folder.file_of(model)
        part = _part(folder, model)
        _download(model, url, part, arrived)
        return _accept(model, folder, part, url)


def take_file(
    model: Model, folder: ModelFolder, path: Path, arrived: Callable[[int], None]
) -> Path:
    """Copy a model that was fetched elsewhere into the folder.

    Raises:
        BadInputError: it cannot be read.
        ModelError: it is another file; nothing of it is kept.
        StorageError: the folder cannot be written.
    """
    with folder.being_changed():
        part = _part(folder, model)
        part.unlink(missing_ok=True)
        try:
            with path.open("rb") as file:
                _receive(model, file, part, arrived)
        except StorageError:
            part.unlink(missing_ok=True)
            raise
        except OSError as error:
            part.unlink(missing_ok=True)
            msg = f"{path} cannot be read: {error.strerror or error}"
            raise BadInputError(msg) from error
        return _accept(model, folder, part, str(path))


def mirrored(model: Model, mirror: str) -> str:
    """Return where a mirror keeps a model: under its file name."""
    return f"{mirror.rstrip('/')}/{model.filename}"


def _part(folder: ModelFolder, model: Model) -> Path:
    path = folder.file_of(model)
    return path.with_name(path.name + PARTIAL)


def _download(
    model: Model, url: str, part: Path, arrived: Callable[[int], None]
) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        had = _size(part)
        if had > model.size:
            part.unlink()
            had = 0
        if had == model.size:
            return
        try:
            _download_rest(model, url, part, arrived)
        except StorageError:
            raise
        except urllib.error.HTTPError as error:
            error.close()
            raise _refused(url, f"{error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            # Only a download that gets on is taken up again.
            if attempt == ATTEMPTS or _size(part) <= had:
                raise _refused(url, str(error) or type(error).__name__) from error
        # What is too long is refused when its digest is taken.
        if _size(part) >= model.size:
            return
        if _size(part) <= had:
            raise _refused(url, f"it ended after {had} of {model.size} bytes")
    raise _refused(url, f"it was cut off {ATTEMPTS} times")


def _refused(url: str, why: str) -> UnavailableError:
    return UnavailableError(f"{url}: {why}", hint=_OFFLINE)


def _download_rest(
    model: Model, url: str, part: Path, arrived: Callable[[int], None]
) -> None:
    had = _size(part)
    headers = {"User-Agent": "doorbell-edge", "Accept-Encoding": "identity"}
    if had:
        headers["Range"] = f"bytes={had}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme was checked
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the same
        if had and not _goes_on_at(answer, had):
            # The server sends all of it again.
            part.unlink()
        _receive(model, answer, part, arrived)


def _goes_on_at(answer: http.client.HTTPResponse, had: int) -> bool:
    place = answer.headers.get("Content-Range", "")
    return answer.status == _PARTIAL_CONTENT and place.startswith(f"bytes {had}-")


def _receive(
    model: Model, source: Source, part: Path, arrived: Callable[[int], None]
) -> None:
    """Append what comes, never more than one byte beyond the model's size."""
    descriptor = os.open(
        part, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644
    )
    with os.fdopen(descriptor, "ab") as file:
        have = file.tell()
        while have <= model.size:
            piece = source.read(min(PIECE_BYTES, model.size + 1 - have))
            if not piece:
                return
            with told_as_storage_error(str(part)):
                file.write(piece)
                file.flush()
            have += len(piece)
            arrived(min(have, model.size))


def _accept(model: Model, folder: ModelFolder, part: Path, source: str) -> Path:
    """Give a verified file its name, durably; remove one that is wrong."""
    path = folder.file_of(model)
    if not is_exactly(part, model):
        found = _size(part)
        with suppress(OSError):
            part.unlink()
        msg = f"{source} is not {model.name}: "
        if found == model.size:
            msg += "its digest is wrong"
        elif found > model.size:
            msg += f"it has more than {model.size} bytes"
        else:
            msg += f"it has {found} bytes, not {model.size}"
        raise ModelError(
            msg, hint="It was refused and nothing of it is kept; try another source."
        )
    with told_as_storage_error(str(path)):
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    return path


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
