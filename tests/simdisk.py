"""What a disk is made of, for `simfs`: files, names, sectors, and what is unsynced."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

StrPath = str | os.PathLike[str]

SECTOR = 512


class PowerCut(BaseException):
    """The plug was pulled."""


@dataclass(slots=True)
class File:
    """An inode: what programs see, what is on disk, what lies between."""

    seen: bytearray = field(default_factory=bytearray)
    kept: bytes = b""
    # A write (offset, bytes) or, with None for bytes, a new size.
    dirty: list[tuple[int, bytes | None]] = field(default_factory=list)

    def lay(self, data: bytes, at: int) -> None:
        """Write, in memory."""
        if at > len(self.seen):
            self.seen.extend(bytes(at - len(self.seen)))
        self.seen[at : at + len(data)] = data
        self.dirty.append((at, data))

    def resize(self, length: int) -> None:
        """Cut or lengthen, in memory."""
        del self.seen[length:]
        self.seen.extend(bytes(length - len(self.seen)))
        self.dirty.append((length, None))

    def settle(self, random: Random) -> None:
        """Be what a power cut leaves of it."""
        kept = bytearray(self.kept)
        chance = random.choice((0.0, 1.0, 0.5, 0.9))
        for at, data in self.dirty:
            if data is None:
                if random.random() < chance:
                    apply(kept, at, None)
                continue
            for start, piece in sectors(at, data):
                if random.random() < chance:
                    apply(kept, start, piece)
        if chance not in {0.0, 1.0}:
            self._tear(kept, random)
        self.kept = bytes(kept)
        self.seen = kept
        self.dirty.clear()

    def _tear(self, kept: bytearray, random: Random) -> None:
        """End in the middle of what is new, or have the size without the content."""
        draw, wanted, synced = random.random(), len(self.seen), len(self.kept)
        if draw < 0.3 and len(kept) < wanted:
            kept.extend(bytes(wanted - len(kept)))
        elif draw > 0.7 and len(kept) > synced:
            del kept[random.randrange(synced, len(kept)) :]


@dataclass(slots=True)
class Handle:
    path: str
    file: File | None  # None for a folder
    flags: int
    at: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A change of names, atomic: some vanish, some appear; None is a folder."""

    gone: tuple[str, ...]
    made: tuple[tuple[str, File | None], ...]
    folders: frozenset[str]


@dataclass(frozen=True, slots=True)
class Status:
    """What of `os.stat_result` the code here asks for."""

    st_size: int
    st_mode: int = 0o100600


def clean(path: StrPath) -> str:
    name = posixpath.normpath(os.fspath(path))
    return "" if name == "." else name


def failure(code: int, name: str = "") -> OSError:
    return OSError(code, os.strerror(code), name)


def apply(content: bytearray, at: int, data: bytes | None) -> None:
    if data is None:
        del content[at:]
        content.extend(bytes(at - len(content)))
        return
    if at > len(content):
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


def change_names(names: dict[str, File | None], entry: Entry) -> None:
    for name in entry.gone:
        names.pop(name, None)
    names.update(entry.made)


def is_reachable(name: str, names: dict[str, File | None]) -> bool:
    while name not in {"", "/"}:
        name = posixpath.dirname(name)
        if name not in names:
            return False
    return True


def sectors(at: int, data: bytes) -> list[tuple[int, bytes]]:
    """Cut a write where the disk does."""
    pieces = []
    place = 0
    while place < len(data):
        length = SECTOR - (at + place) % SECTOR
        pieces.append((at + place, data[place : place + length]))
        place += length
    return pieces
