"""The files of the audit log: names, whole reads, durable folders.

In the folder are `NNNNNNNNNNNN.log` (records from number N on; `-2` and so on behind
the number where an earlier try to begin the file failed), `NNNNNNNNNNNN.hashes` (the
leaf hashes of a file whose bodies were pruned), `NNNNNNNNNNNN.checkpoints` and `vkey`.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG, HASHES, NOTES = "log", "hashes", "checkpoints"
KEY_NAME = "vkey"
LOCK_NAME = "lock"

_NAME = re.compile(r"(\d{12})(?:-(\d{1,6}))?\.(log|hashes|checkpoints)")
# A whole file at once: joined parts are copied twice.
_READ_BYTES = 1 << 24


class Size(Protocol):
    """What is asked of a file's status."""

    @property
    def st_size(self) -> int:
        """Bytes."""
        ...


class Disk(Protocol):
    """What the log needs of `os`, so that a test can pull the plug of another."""

    def open(self, path: str, flags: int, mode: int = ..., /) -> int:
        """As `os.open`."""
        ...

    def close(self, fd: int, /) -> None:
        """As `os.close`."""
        ...

    def read(self, fd: int, length: int, /) -> bytes:
        """As `os.read`."""
        ...

    def write(self, fd: int, data: bytes | memoryview, /) -> int:
        """As `os.write`."""
        ...

    def fsync(self, fd: int, /) -> None:
        """As `os.fsync`."""
        ...

    def ftruncate(self, fd: int, length: int, /) -> None:
        """As `os.ftruncate`."""
        ...

    def listdir(self, path: str, /) -> list[str]:
        """As `os.listdir`."""
        ...

    def unlink(self, path: str, /) -> None:
        """As `os.unlink`."""
        ...

    def rename(self, source: str, target: str, /) -> None:
        """As `os.rename`."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A file of the log.

    Attributes:
        first: number of its first record; of checkpoints, the first one's size.
        attempt: 1, or more where earlier ones could not be begun.
        kind: `log`, `hashes` or `checkpoints`.
    """

    first: int
    attempt: int = 1
    kind: str = LOG

    def __str__(self) -> str:
        again = "" if self.attempt == 1 else f"-{self.attempt}"
        return f"{self.first:012d}{again}.{self.kind}"

    def with_kind(self, kind: str) -> Name:
        """The same place, another kind of file."""
        return Name(self.first, self.attempt, kind)


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a log, in their order.

    Attributes:
        records: logs, and hashes where no log is left.
        notes: files of checkpoints.
    """

    records: list[Name] = field(default_factory=list)
    notes: list[Name] = field(default_factory=list)

    @property
    def logs(self) -> list[Name]:
        """Files that hold records still."""
        return [name for name in self.records if name.kind == LOG]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder and the disk it is on."""

    path: str
    disk: Disk = os

    def __call__(self, name: Name | str) -> str:
        """Full name of a file in it."""
        return f"{self.path}/{name}"

    def listing(self) -> Listing:
        """List the files; the kernel's order means nothing."""
        found = [_parse(name) for name in self.disk.listdir(self.path)]
        names = sorted(name for name in found if name is not None)
        logs = {name for name in names if name.kind == LOG}
        # After a cut between the two, both are there: the bodies are the better half.
        records = [
            name
            for name in names
            if name.kind == LOG
            or (name.kind == HASHES and name.with_kind(LOG) not in logs)
        ]
        return Listing(records, [name for name in names if name.kind == NOTES])

    def read(self, name: Name | str) -> bytes:
        """Read a whole file."""
        with self._opened(name, os.O_RDONLY) as fd:
            parts = []
            while part := self.disk.read(fd, _READ_BYTES):
                parts.append(part)
            return b"".join(parts)

    def append_to(self, name: Name | str) -> int:
        """Open a file that is there, to write at its end."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        return self.disk.open(self(name), flags, 0o600)

    def create(self, name: Name | str) -> int:
        """Make a file; FileExistsError if the name is taken."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        flags |= os.O_CLOEXEC | os.O_NOFOLLOW
        return self.disk.open(self(name), flags, 0o600)

    def write_all(self, fd: int, content: bytes) -> None:
        """Write every byte, in as many calls as it takes."""
        view = memoryview(content)
        while view:
            view = view[self.disk.write(fd, view) :]

    def sync(self) -> None:
        """Make the names in the folder durable."""
        with self._opened(".", os.O_RDONLY | os.O_DIRECTORY) as fd:
            self.disk.fsync(fd)

    def replace(self, name: Name | str, content: bytes) -> None:
        """Write a small file anew, all or nothing, durable when this returns."""
        temporary = f"{name}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with self._opened(temporary, flags) as fd:
            self.write_all(fd, content)
            self.disk.fsync(fd)
        self.disk.rename(self(temporary), self(name))
        self.sync()

    @contextmanager
    def _opened(self, name: Name | str, flags: int) -> Iterator[int]:
        path = self.path if name == "." else self(name)
        fd = self.disk.open(path, flags, 0o600)
        try:
            yield fd
        finally:
            self.disk.close(fd)


def _parse(name: str) -> Name | None:
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return Name(int(found[1]), int(found[2] or 1), found[3])


def split(content: bytes) -> tuple[list[bytes], bytes]:
    """Cut a file into its whole lines and what stands behind the last line end."""
    lines = content.split(b"\n")
    rest = lines.pop()
    return lines, rest
