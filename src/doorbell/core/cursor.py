"""Up to where the ring journal needs no reading again.

Rings are stored by tasks that overtake each other: a ring that joins a visit waits for
that visit's writes, a later one opens its own at once. The cursor may only pass rings
that are stored, or a crash would lose the slower one.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class JournalCursor:
    """Which rings of the journal are not stored yet, by sequence number."""

    newest: int = 0
    outstanding: set[int] = field(default_factory=set)

    def arrived(self, seq: int) -> None:
        """A ring was read or heard; 0 is an undurable one and has no place here."""
        if seq > 0:
            self.outstanding.add(seq)
            self.newest = max(self.newest, seq)

    def begin(self, seq: int) -> None:
        """What an earlier life stored is known now: everything up to `seq`."""
        self.newest = max(self.newest, seq)
        self.outstanding = {later for later in self.outstanding if later > seq}

    def after(self, *seqs: int) -> int:
        """Where the cursor may stand once these rings are stored too."""
        rest = self.outstanding.difference(seqs)
        return min(rest) - 1 if rest else self.newest

    def stored(self, seq: int) -> int:
        """The ring `seq` is stored; returns where the cursor stands."""
        self.outstanding.discard(seq)
        return self.after(seq)
