"""Log files, where journald is not enough: main, errors and security.

Several processes append to the same files: each line is one write to a file opened
with O_APPEND, which the kernel does not mix with another. Whoever finds a file full
renames it, under a lock that nobody waits for: who does not get it appends on and
tries again with the next line. The others notice that the name is another file's.

Writing happens on a thread of its own, with a bounded queue that drops the oldest
lines: a slow card delays no ring. Standard output has them all the same.
"""

from __future__ import annotations

import atexit
import fcntl
import logging
import os
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOCK = ".rotating"
MODE = 0o640
FOLDER_MODE = 0o750
# Some 1 MB of lines, or a second of a flood.
MOST_WAITING = 4096
CLOSE_S = 1.0
# The logger of `monitoring.logging.security`.
SECURITY = "doorbell.security"


@dataclass(frozen=True, slots=True)
class LogFiles:
    """Which files.

    Attributes:
        folder: is made if it is not there.
        limit_bytes: a file is put aside before it grows beyond this.
        kept: files put aside of each kind; the oldest goes.
    """

    folder: Path
    limit_bytes: int = 50_000_000
    kept: int = 10


class SharedFile:
    """One file that several processes append to.

    Args:
        path: of the file in use; those put aside are called `NAME.1`, `NAME.2`, ….
        limit_bytes: of each file.
        kept: how many are put aside, at least one.
    """

    def __init__(self, path: Path, limit_bytes: int, kept: int) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._kept = kept
        self._fd = -1

    def append(self, line: bytes) -> None:
        """Write one line, its newline included.

        Raises:
            OSError: it could not be written, or only in part.
        """
        self._follow()
        size = os.fstat(self._fd).st_size
        if size and size + len(line) > self._limit_bytes:
            self._rotate()
            self._follow()
        if os.write(self._fd, line) < len(line):
            # The rest of it must not begin with the next line's head.
            os.write(self._fd, b"\n")

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _follow(self) -> None:
        """Open the file that has the name now, if that is another one."""
        if self._fd >= 0:
            if self._has_the_name():
                return
            self.close()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(self._path, flags, MODE)

    def _has_the_name(self) -> bool:
        """Whether the file we write to is the one of that name."""
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(self._fd)
        return (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino)

    def _rotate(self) -> None:
        lock = self._path.with_name(LOCK)
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._put_aside()
        except BlockingIOError:
            return  # Somebody does it now, or was stopped over it: never wait.
        finally:
            os.close(fd)

    def _put_aside(self) -> None:
        # Somebody may have done it between our look and our lock.
        if not self._has_the_name():
            return
        # Up to the first gap: one is left by a kill between two renames.
        last = 1
        while last < self._kept and self._aside(last).exists():
            last += 1
        for number in range(last, 1, -1):
            self._aside(number - 1).replace(self._aside(number))
        self._path.replace(self._aside(1))

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class Scribe:
    """The thread that writes.

    Attributes:
        dropped: lines given up since the start, because too many waited or the disk
            took none.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[SharedFile, bytes]] = deque()
        self._news = Condition()
        self._is_closed = False
        self.dropped = 0
        self._thread = Thread(target=self._run, name="log-files", daemon=True)
        self._thread.start()

    def submit(self, file: SharedFile, line: bytes) -> None:
        """Queue one line; never waits for the disk."""
        with self._news:
            if len(self._waiting) >= MOST_WAITING:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append((file, line))
            self._news.notify_all()

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Write what waits, for so long at most, and end."""
        with self._news:
            self._is_closed = True
            self._news.notify_all()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._waiting or self._is_closed)
                if not self._waiting:
                    return
                file, line = self._waiting.popleft()
            try:
                file.append(line)
            except OSError:
                # Full or read-only: nowhere to say so but in the log, which goes to
                # standard output too; `lines_dropped` counts it there.
                self.dropped += 1


class FileHandler(logging.Handler):
    """Sends records to the files they belong to."""

    def __init__(self, files: LogFiles) -> None:
        super().__init__()
        with suppress(OSError):
            files.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)

        def opened(name: str) -> SharedFile:
            return SharedFile(files.folder / name, files.limit_bytes, files.kept)

        self._main = opened("main.log")
        self._errors = opened("errors.log")
        self._security = opened("security.log")
        self._scribe = Scribe()
        self._told = 0
        # The interpreter ends daemon threads without a word.
        atexit.register(self._scribe.close)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record to main, and to errors or security where it belongs."""
        try:
            line = f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
        except Exception:  # noqa: BLE001 - as every logging handler: a bad record must not end the caller
            self.handleError(record)
            return
        self._scribe.submit(self._main, line)
        if record.levelno >= logging.ERROR:
            self._scribe.submit(self._errors, line)
        if record.name == SECURITY:
            self._scribe.submit(self._security, line)
        self._tell_dropped()

    def _tell_dropped(self) -> None:
        dropped = self._scribe.dropped
        if dropped >= 2 * self._told + 1:
            # At 1, 3, 7, …: a full disk must not be the topic of every line.
            self._told = dropped
            log.warning("lines_dropped", extra={"lines": dropped})

    def close(self) -> None:
        """Write what waits and close the files."""
        atexit.unregister(self._scribe.close)
        self._scribe.close()
        for file in (self._main, self._errors, self._security):
            file.close()
        super().close()


log = logging.getLogger("doorbell.log")
