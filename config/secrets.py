"""Secrets that live in files of their own, so that the settings can be shown.

A relative name is a systemd credential, looked up in `$CREDENTIALS_DIRECTORY`
(`LoadCredential=`). The content is never logged, shown or kept here.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import Mistake, SettingsError
from config.regular import read_regular

if TYPE_CHECKING:
    from collections.abc import Mapping

# An address with its token, or a key; whatever is longer is another file.
MAX_BYTES = 16 * 1024


def secret_path(key: str, name: str, environ: Mapping[str, str]) -> Path:
    """Find the file of a secret.

    Args:
        key: the setting that names it, for the error.
        name: its value: an absolute path, or the name of a credential.
        environ: the environment variables.

    Raises:
        SettingsError: the name is relative and no credentials were handed over, or it
            leads out of their folder.
    """
    if Path(name).is_absolute():
        return Path(name)
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        message = (
            f"`{name}` is relative, so it is a systemd credential, but there is no "
            "$CREDENTIALS_DIRECTORY; give the whole path or add LoadCredential="
        )
        raise SettingsError([Mistake(key, None, message)])
    if Path(name).name != name:
        message = f"`{name}` must be the plain name of a credential or a whole path"
        raise SettingsError([Mistake(key, None, message)])
    return Path(folder) / name


def read_secret(key: str, name: str, environ: Mapping[str, str]) -> str:
    """Read one secret: one line of text, without the line feed at its end.

    Raises:
        SettingsError: the file is missing, unreadable, empty, too long, or more than
            one line of printable text. The message never quotes the content.
    """
    path = secret_path(key, name, environ)
    try:
        content, _ = read_regular(path, MAX_BYTES)
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise _unusable(key, path, "is not UTF-8 text") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unusable(key, path, f"cannot be read: {reason}") from error
    if complaint := _complaint(text):
        raise _unusable(key, path, complaint)
    return text


def is_exposed(mode: int) -> bool:
    """Whether a file with this `st_mode` can be read by every user of the machine.

    That is advice and no error: secrets of docker and Kubernetes are like that.
    """
    return bool(mode & stat.S_IROTH)


def _complaint(text: str) -> str:
    if not text.strip():
        return "is empty"
    if len(text) >= MAX_BYTES:
        return f"is longer than {MAX_BYTES} bytes"
    return "" if text.isprintable() else "must be one line of printable text"


def _unusable(key: str, path: Path, message: str) -> SettingsError:
    return SettingsError([Mistake(key, None, message, str(path))])
