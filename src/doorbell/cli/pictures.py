"""Picture files that go to the hub, and those that come from it."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.core.errors import BadInputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic"})


def expand(names: Sequence[str]) -> list[Path]:
    """Return the pictures meant: files as given, of a folder those in it, sorted.

    Raises:
        BadInputError: a name is nothing, or a folder without pictures.
    """
    pictures: list[Path] = []
    wrong: list[str] = []
    for path in map(Path, names):
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if _is_picture(p))
            pictures += inside
            wrong += [] if inside else [f"{path}: no picture in this folder"]
        elif path.exists():
            pictures.append(path)
        else:
            wrong.append(f"{path}: no such file")
    if wrong:
        raise BadInputError("; ".join(wrong))
    return pictures


def open_picture(path: Path) -> int:
    """Open a file for reading with our own rights; the caller closes it.

    Raises:
        BadInputError: it cannot be read or is no regular file.
    """
    try:
        # Not blocking: opening a FIFO would wait for ever.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        msg = f"{path}: {error.strerror}"
        raise BadInputError(msg) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        msg = f"{path}: not a regular file"
        raise BadInputError(msg)
    return fd


@contextlib.contextmanager
def opened(paths: Iterable[Path]) -> Iterator[list[int]]:
    """Open several pictures for one request."""
    with contextlib.ExitStack() as stack:
        fds = []
        for path in paths:
            fds.append(open_picture(path))
            stack.callback(os.close, fds[-1])
        yield fds


def save(fd: int, path: Path, *, fresh: bool = False) -> None:
    """Write what a descriptor holds to a file only its owner can read, or to `-`.

    The file appears whole or not at all. The descriptor is closed.

    Args:
        fd: from the hub.
        path: `-` is standard output.
        fresh: refuse to replace a file.

    Raises:
        StorageError: it cannot be written.
        BadInputError: with `fresh`, the file is already there.
    """
    with os.fdopen(fd, "rb") as source:
        # The sender's offset came along with the descriptor.
        with contextlib.suppress(OSError):
            source.seek(0)
        content = source.read()
    if str(path) == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    if fresh and path.exists():
        msg = f"{path} is already there"
        raise BadInputError(msg, hint="Name another folder with -o.")
    try:
        _write(path, content)
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise StorageError(msg) from error


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(part, flags, 0o600)
    try:
        with os.fdopen(fd, "wb") as target:
            target.write(content)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()
