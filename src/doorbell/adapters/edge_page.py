"""Edges in memory that outlives their reader: a mapped file in /run.

The kernel copies an edge straight into the mapping, so there is no instant at which it
was taken from the line and is nowhere else. Killed at any point, the next process
finds all that the last one had not settled.

The file is a header and a log of records. A record that was never written is zero, and
`done` says how many are settled: one number, stored at once, tells everything. At the
end of the log, when all is settled, it is wiped and begun again.
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import TYPE_CHECKING

from doorbell.core.line_event import EVENT_BYTES, LineEvent, decode, encode

if TYPE_CHECKING:
    from pathlib import Path

# A press has two to ten edges; the log is wiped every hundred presses or so.
RECORDS = 1024
_MAGIC = b"dbedges1"
_BOOT = struct.Struct("32s")
# Stored one by one: each is a single move of the processor, so no kill halves it.
_NUMBER = struct.Struct("=I")
_BOOT_AT, _DONE_AT, _SEQNO_AT, _LEVEL_AT, _LOG_AT = 8, 40, 44, 48, 64
PAGE_BYTES = _LOG_AT + RECORDS * EVENT_BYTES


class EdgePage:
    """The log of one line.

    Args:
        path: made if absent, mode 0600; its folder must be there. None for memory of
            this process alone.
        boot_id: edges of another boot are forgotten: their clock is gone.

    Raises:
        OSError: no room, or not ours to write.
    """

    def __init__(self, path: Path | None, boot_id: str) -> None:
        self._map = mmap.mmap(-1, PAGE_BYTES) if path is None else _mapped(path)
        self._view = memoryview(self._map)
        boot = _BOOT.pack(boot_id.encode())
        if self._map[:8] != _MAGIC or self._map[_BOOT_AT:_DONE_AT] != boot:
            self._begin(boot)
        self._end = self._number(_DONE_AT)
        self._last: LineEvent | None = None
        while (event := self._record(self._end)) is not None:
            self._end, self._last = self._end + 1, event
        self._read = self._number(_DONE_AT)

    def _begin(self, boot: bytes) -> None:
        # The magic last: killed before, it is all done again.
        self._map[:8] = bytes(8)
        self._map[_BOOT_AT:] = boot + bytes(PAGE_BYTES - _DONE_AT)
        self._map[:8] = _MAGIC

    @property
    def last_seqno(self) -> int:
        """Number of the newest edge, 0 if there was none."""
        return self._last.seqno if self._last else self._number(_SEQNO_AT)

    @property
    def is_pressed(self) -> bool:
        """The level that the newest edge left behind."""
        return self._last.pressed if self._last else bool(self._number(_LEVEL_AT))

    @property
    def has_room(self) -> bool:
        """Whether one more edge fits."""
        return self._end < RECORDS

    def room(self) -> memoryview:
        """Where the next edges go."""
        return self._view[_LOG_AT + self._end * EVENT_BYTES : PAGE_BYTES]

    def wrote(self, events: int) -> None:
        """So many were written into `room`."""
        self._end += events

    def put(self, event: LineEvent) -> None:
        """Write a record that comes from nobody but us."""
        block, at = encode(event), _LOG_AT + self._end * EVENT_BYTES
        # Its time last: a record without is none.
        self._map[at + 8 : at + EVENT_BYTES] = block[8:]
        self._map[at : at + 8] = block[:8]

    def take(self) -> list[LineEvent]:
        """Return what came into `room` since, oldest first.

        The first time also what an earlier process had not settled.
        """
        events = []
        while (event := self._record(self._read)) is not None:
            events.append(event)
            self._read += 1
        if events:
            self._last = events[-1]
        self._end = self._read
        return events

    def settle(self) -> None:
        """What was taken is not needed again."""
        if self._last is not None and self._number(_DONE_AT) != self._read:
            self._store(_SEQNO_AT, self._last.seqno)
            self._store(_LEVEL_AT, int(self._last.pressed))
            self._store(_DONE_AT, self._read)
        if self._read > RECORDS // 2 and self._read == self._end:
            self._wipe()

    def _wipe(self) -> None:
        # `done` last: killed before, nothing is left to be read after it.
        self._map[_LOG_AT : _LOG_AT + self._read * EVENT_BYTES] = bytes(
            self._read * EVENT_BYTES
        )
        self._store(_DONE_AT, 0)
        self._read = self._end = 0

    def close(self) -> None:
        """Unmap it; what it holds stays."""
        self._view.release()
        self._map.close()

    def _record(self, index: int) -> LineEvent | None:
        if index >= RECORDS:
            return None
        at = _LOG_AT + index * EVENT_BYTES
        return decode(self._map[at : at + EVENT_BYTES])

    def _number(self, at: int) -> int:
        return int(_NUMBER.unpack_from(self._map, at)[0])

    def _store(self, at: int, number: int) -> None:
        _NUMBER.pack_into(self._map, at, number)


def _mapped(path: Path) -> mmap.mmap:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600)
    try:
        # Real blocks: writing to a hole on a full tmpfs would kill us by SIGBUS.
        os.posix_fallocate(fd, 0, PAGE_BYTES)
        return mmap.mmap(fd, PAGE_BYTES)
    finally:
        os.close(fd)
