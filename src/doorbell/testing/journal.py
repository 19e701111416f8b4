"""A journal in memory whose disk fails when the script says so."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from doorbell.core.errors import StorageError
from doorbell.core.ring import Ring, RingSource
from doorbell.ports.journal import JournalError

if TYPE_CHECKING:
    from doorbell.core.stamp import Stamp

_HANG_AT_MOST_S = 30.0


class FakeJournal:
    """Rings in a list.

    Args:
        script: how each write goes, `ok` or `fail`; the last word repeats.
        opens: how each `open` goes, in the same words.

    Attributes:
        rings: what was written.
        late: ids of those that were recorded late.
        disk_answers: clear it to let every write hang until it is set.
        released: the highest number released.
    """

    def __init__(self, script: str = "ok", opens: str = "ok") -> None:
        self.rings: list[Ring] = []
        self.late: list[str] = []
        self.released = 0
        self.disk_answers = threading.Event()
        self.disk_answers.set()
        self._script, self._opens = deque(script.split()), deque(opens.split())

    def open(self) -> list[str]:
        """Go as the script says."""
        if _next_word(self._opens) == "fail":
            msg = "no disk, says the script"
            raise StorageError(msg)
        return []

    def append(self, source: RingSource, stamp: Stamp, ring_id: str) -> Ring:
        """Keep a ring, or fail as the script says."""
        self.disk_answers.wait(_HANG_AT_MOST_S)
        if _next_word(self._script) == "fail":
            msg = "disk failed, says the script"
            raise JournalError(msg)
        ring = Ring(len(self.rings) + 1, ring_id, source, stamp)
        self.rings.append(ring)
        return ring

    def append_late(self, source: RingSource, stamp: Stamp, ring_id: str) -> Ring:
        """As `append`."""
        ring = self.append(source, stamp, ring_id)
        self.late.append(ring_id)
        return ring

    def find(self, ring_id: str) -> Ring | None:
        """Look among the rings that a test laid into `rings`."""
        return next((ring for ring in self.rings if ring.id == ring_id), None)

    def prepare(self) -> None:
        """There is always room."""

    def release(self, seq: int) -> None:
        """Remember how far it went."""
        self.released = max(self.released, seq)

    def close(self) -> None:
        """Nothing is held."""


def _next_word(script: deque[str]) -> str:
    return script.popleft() if len(script) > 1 else script[0]
