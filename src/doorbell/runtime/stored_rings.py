"""Which rings of the journal are stored, so that the button may give up their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.core.cursor import JournalCursor
from doorbell.stages.messages import CursorMoved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.core.ring import Ring
    from doorbell.runtime.doorkeeper_needs import Workers


class StoredRings:
    """The journal's cursor, and who hears of it.

    Args:
        workers: the button among them.
    """

    def __init__(self, workers: Workers) -> None:
        self._cursor = JournalCursor()
        self._workers = workers

    @property
    def unstored(self) -> int:
        """Rings of the journal that state.db does not have yet."""
        return len(self._cursor.outstanding)

    def begin_at(self, seq: int) -> None:
        """The journal was read up to here by an earlier life of this daemon."""
        self._cursor.begin(seq)
        self._workers.send("button", CursorMoved(seq=seq))

    def hold(self, rings: Sequence[Ring]) -> None:
        """Keep the cursor before rings that may not have been told yet."""
        for ring in rings:
            self._cursor.arrived(ring.seq)

    def pass_by(self, ring: Ring) -> None:
        """The journal holds a ring that nobody needs: the cursor may go past it."""
        if ring.seq > 0:
            self._cursor.arrived(ring.seq)
            self.stored([ring])

    def after(self, rings: Sequence[Ring]) -> int:
        """Where the cursor may stand once these are stored too."""
        return self._cursor.after(*(ring.seq for ring in rings))

    def stored(self, rings: Sequence[Ring]) -> None:
        """These are in state.db, or recorded as a gap."""
        for ring in rings:
            seq = self._cursor.stored(ring.seq)
            self._workers.send("button", CursorMoved(seq=seq))
