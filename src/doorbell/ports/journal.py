"""Where rings are written down before anyone is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from doorbell.core.errors import StorageError

if TYPE_CHECKING:
    from doorbell.core.ring import Ring, RingSource
    from doorbell.core.stamp import Stamp


class JournalError(StorageError):
    """A ring could not be made durable; it is told all the same."""


class Journal(Protocol):
    """The ring journal, as its only writer sees it; used by one thread."""

    def open(self) -> list[str]:
        """Take the journal; returns what was repaired or found damaged, for people.

        Raises:
            StorageError: full, read-only, somebody else's, or held by another writer;
                may be tried again.
        """
        ...

    def append(self, source: RingSource, stamp: Stamp, ring_id: str) -> Ring:
        """Write a ring; it is durable when this returns.

        Raises:
            JournalError: it may or may not be on disk, and counts as undurable.
        """
        ...

    def append_late(self, source: RingSource, stamp: Stamp, ring_id: str) -> Ring:
        """As `append`, for a ring that was told while the disk failed."""
        ...

    def find(self, ring_id: str) -> Ring | None:
        """Return a ring that was there when the journal was taken, or None.

        Of these only the newest are remembered: for a press that is read again after
        a crash.
        """
        ...

    def prepare(self) -> None:
        """Make room ahead, while nothing waits.

        Raises:
            JournalError: there is no room; what is left still takes rings.
        """
        ...

    def release(self, seq: int) -> None:
        """The rings up to `seq` are safe elsewhere: their files may go."""
        ...

    def close(self) -> None:
        """Let go; safe at any time, more than once."""
        ...
