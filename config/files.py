"""Read the settings file, whatever it turns out to be."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from config.errors import Mistake, SettingsError
from config.keys import dotted
from config.locator import LineIndex
from config.regular import read_regular

if TYPE_CHECKING:
    from pathlib import Path

# The annotated sample has 15 KB; tomllib is slow on hostile text, so the limit is low.
MAX_BYTES = 256 * 1024
_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_CURLY = "\u201c\u201d\u2018\u2019"


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file; `where` is its name, empty when there is none."""

    values: dict[str, object] = field(default_factory=dict)
    lines: LineIndex = field(default_factory=lambda: LineIndex(""))
    where: str = ""


def read_document(path: Path) -> Document:
    """Read and parse `path`.

    Raises:
        FileNotFoundError: there is no such file; whether that matters, the caller
            knows.
        SettingsError: it is no regular file, too large, not UTF-8 or not TOML.
    """
    text = _decode(path, _read(path))
    lines = LineIndex(text)
    try:
        return Document(tomllib.loads(text), lines, str(path))
    except RecursionError as error:
        raise _refused(path, None, "is nested too deeply") from error
    except ValueError as error:
        raise SettingsError(_explain(path, text, lines, str(error))) from error


def _read(path: Path) -> bytes:
    try:
        content, size = read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        raise
    except PermissionError as error:
        message = "this user may not read it: run the command as root or in its group"
        raise _refused(path, None, message) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _refused(path, None, f"cannot be read: {reason}") from error
    if len(content) > MAX_BYTES:
        message = f"has {size} bytes; settings have at most {MAX_BYTES}"
        raise _refused(path, None, message)
    return content


def _decode(path: Path, content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refused(path, 1, "is UTF-16; save it as UTF-8")
    try:
        # Windows editors put a byte order mark before UTF-8; it means nothing.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8: byte 0x{content[error.start]:02x}"
        raise _refused(path, line, message) from error
    return text.replace("\r\n", "\n")


def _explain(path: Path, text: str, lines: LineIndex, reason: str) -> list[Mistake]:
    """Turn what tomllib said into mistakes with lines."""
    if lines.twice:
        return [
            Mistake(
                dotted(key), second, f"is set twice, first in line {first}", str(path)
            )
            for key, first, second in lines.twice
        ]
    position = _POSITION.search(reason)
    line = int(position[1]) if position and position[1] else _last_line(text)
    message = _POSITION.sub("", reason)
    message = f"this is not TOML: {message[:1].lower()}{message[1:]}"
    return [Mistake("", line, message + _advice(text, line, reason), str(path))]


def _advice(text: str, line: int, reason: str) -> str:
    source = text.split("\n")[line - 1 : line]
    if source and any(quote in source[0] for quote in _CURLY):
        return "; use straight quotes"
    if reason.startswith("Invalid value"):
        return "; text needs quotes"
    return ""


def _last_line(text: str) -> int:
    return text.rstrip("\n").count("\n") + 1


def _refused(path: Path, line: int | None, message: str) -> SettingsError:
    return SettingsError([Mistake("", line, message, str(path))])
