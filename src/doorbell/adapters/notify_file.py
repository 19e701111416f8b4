"""Leave notifications in a folder: `file:/folder`. For development and scripts.

`KEY.json` appears last and by rename: whoever sees it finds the picture complete.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from doorbell.core.errors import BadSettingsError
from doorbell.ports.notifier import Answer, Outcome, Push

_LONGEST_NAME = 120


class FileNotifier:
    """One folder, made when first written to."""

    can_replace = True

    def __init__(self, url: str, name: str) -> None:
        path = unquote(urlsplit(url).path)
        if not path.startswith("/"):
            msg = f"target {name}: the folder must be an absolute path"
            raise BadSettingsError(msg, hint="Write file:/folder.")
        self._folder = Path(path)

    def send(self, push: Push, timeout_s: float) -> Answer:
        """Write picture, then words; an earlier send of the key is replaced."""
        del timeout_s
        stem = _file_stem(push.key)
        picture = self._folder / f"{stem}.jpg"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if push.jpeg is None:
                picture.unlink(missing_ok=True)
            else:
                _write(picture, push.jpeg)
            _write(self._folder / f"{stem}.json", _words(push, picture.name))
        except OSError as error:
            return Answer(Outcome.RETRY, f"cannot write there: {error.strerror}")
        return Answer(Outcome.SENT)


def _words(push: Push, picture: str) -> bytes:
    notice = {
        "key": push.key,
        "visit": push.replaces,
        "title": push.title,
        "body": push.body,
        "silent": push.silent,
        "picture": picture if push.jpeg is not None else None,
        "checkpoint": push.checkpoint,
    }
    return json.dumps(notice, ensure_ascii=False, indent=1).encode() + b"\n"


def _file_stem(key: str) -> str:
    kept = "".join(
        char if char.isascii() and (char.isalnum() or char in "-_+") else "_"
        for char in key
    )
    return kept[:_LONGEST_NAME] or "notice"


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.tmp")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
