"""On which line of a TOML file a key stands.

`tomllib` gives values without positions. This is no second parser: it finds headers
and `key =`, skips what lies between, and is only asked about text `tomllib` accepted,
or for a better word about a key that is set twice. Keys of an inline table have the
line of the table.
"""

from __future__ import annotations

import re
from bisect import bisect_right

Path = tuple[str | int, ...]

_KEY = r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_ASSIGN = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
_KEYS = re.compile(_KEY)
_VALUE_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""'
    r"|'''.*?'''"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*|[\[{]|[\]}]|\n",
    re.DOTALL,
)


class LineIndex:
    """The lines of all tables and keys of one text."""

    def __init__(self, text: str) -> None:
        self.twice: list[tuple[Path, int, int]] = []
        """Keys set again: path, first line, second line."""
        self._text = text
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]
        self._lines: dict[Path, int] = {}
        self._arrays: dict[Path, int] = {}
        self._keys: set[Path] = set()
        self._scan()

    def line_of(self, path: Path) -> int | None:
        """Return the line of `path`, or of the nearest thing around it."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None

    def _scan(self) -> None:
        table: Path = ()
        at = 0
        while at < len(self._text):
            if header := _HEADER.match(self._text, at):
                table = self._enter(header)
                at = self._end_of_value(header.end())
            elif assign := _ASSIGN.match(self._text, at):
                self._assign(table, assign)
                at = self._end_of_value(assign.end())
            else:
                at = self._text.find("\n", at) + 1 or len(self._text)

    def _enter(self, header: re.Match[str]) -> Path:
        path = self._through_arrays(_split(header[2])[:-1])
        path = (*path, _split(header[2])[-1])
        if header[1] == "[[":
            self._lines.setdefault(path, self._line_at(header.start(2)))
            self._arrays[path] = self._arrays.get(path, -1) + 1
        if path in self._arrays:
            path = (*path, self._arrays[path])
        self._lines[path] = self._line_at(header.start(2))
        return path

    def _through_arrays(self, parts: list[str]) -> Path:
        """Return the path of a parent; in an array, its last element is meant."""
        path: Path = ()
        for part in parts:
            path = (*path, part)
            if path in self._arrays:
                path = (*path, self._arrays[path])
        return path

    def _assign(self, table: Path, assign: re.Match[str]) -> None:
        path = (*table, *_split(assign[1]))
        line = self._line_at(assign.start(1))
        if path in self._keys:
            self.twice.append((path, self._lines[path], line))
        self._keys.add(path)
        for depth in range(len(table) + 1, len(path) + 1):
            self._lines.setdefault(path[:depth], line)

    def _end_of_value(self, at: int) -> int:
        depth = 0
        for token in _VALUE_TOKEN.finditer(self._text, at):
            match token[0]:
                case "[" | "{":
                    depth += 1
                case "]" | "}":
                    depth -= 1
                case "\n" if depth <= 0:
                    return token.end()
        return len(self._text)

    def _line_at(self, offset: int) -> int:
        return bisect_right(self._starts, offset)


def _split(dotted: str) -> list[str]:
    return [part[1:-1] if part[0] in "\"'" else part for part in _KEYS.findall(dotted)]
