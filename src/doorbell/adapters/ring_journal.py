"""The ring journal on disk: one writer, any number of readers.

A number is used for one attempt only. When a write or its fdatasync fails, the file
is left alone for ever and a new one is begun: after a failed fsync the kernel may
call pages clean that never reached the card.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from doorbell.adapters import journal_files as files
from doorbell.core.errors import StorageError
from doorbell.core.journal import (
    Header,
    Record,
    Scan,
    encode_record,
    encode_void,
    offset_of,
    scan,
)
from doorbell.core.ring import Ring, RingSource
from doorbell.ports.journal import JournalError

if TYPE_CHECKING:
    from pathlib import Path

    from doorbell.core.stamp import Stamp

# Rings remembered by id: more than a button's page of edges can hold presses.
RECENT = 2048
# 1 MiB a file: years of rings at one door, and written in a second on a slow card.
SLOTS = 8191


@dataclass(frozen=True, slots=True)
class JournalReading:
    """What a reader found.

    Attributes:
        rings: oldest first; of two with the same id only the later, which is the one
            that was acknowledged.
        damage: one sentence for each damaged file, for people.
    """

    rings: list[Ring]
    damage: list[str]


def read_rings(folder: Path, after_seq: int) -> JournalReading:
    """Read the rings with a number above `after_seq`, beside the writer.

    Raises:
        StorageError: the folder is there but may not be read.
        NewerStateError: a later release wrote it.
    """
    try:
        return _read(folder, after_seq)
    except StorageError:
        raise
    except OSError as error:
        msg = f"cannot read {folder}: {error.strerror or error}"
        raise StorageError(msg, hint=_hint(error)) from error


def _read(folder: Path, after_seq: int) -> JournalReading:
    damage: list[str] = []
    by_id: dict[str, Ring] = {}
    for number, path in files.numbered(folder):
        found, wrong = _look_at(number, path)
        damage.extend(wrong)
        for ring in (record.ring for record in found.records):
            if ring.seq > after_seq:
                by_id.pop(ring.id, None)
                by_id[ring.id] = ring
    return JournalReading(list(by_id.values()), damage)


def _look_at(number: int, path: Path) -> tuple[Scan, list[str]]:
    """Return what a file holds and what is wrong with it.

    A sector that cannot be read hides the file it is in, and no other.
    """
    try:
        found = files.read(path)
    except FileNotFoundError:
        return scan(b""), []  # The writer released it meanwhile.
    except (StorageError, PermissionError):
        raise
    except OSError as error:
        reason = error.strerror or error
        return scan(b""), [f"journal file {number}: cannot be read: {reason}"]
    return found, _damage(number, found)


def _damage(number: int, found: Scan) -> list[str]:
    if found.is_whole:
        return []
    parts = [] if found.header else ["its header is damaged"]
    if found.damaged:
        slots = ", ".join(str(index) for index in found.damaged[:8])
        parts.append(f"{len(found.damaged)} slots are damaged ({slots})")
    if found.missing_bytes:
        parts.append(f"{found.missing_bytes} bytes are missing at the end")
    whole = f"{len(found.records)} rings in it are whole"
    return [f"journal file {number}: {'; '.join(parts)}; {whole}"]


@dataclass(slots=True)
class RingJournal:
    """Writer of the journal; see `ports.journal.Journal`.

    Attributes:
        folder: `journal/` below the state directory.
        slots: rings in a file made from now on.
    """

    folder: Path
    slots: int = SLOTS
    _lock_fd: int = -1
    _fd: int = -1
    _header: Header | None = None
    _next_seq: int = 1
    _next_number: int = 1
    _begun: list[tuple[Path, int | None]] = field(default_factory=list)
    _recent: dict[str, Ring] = field(default_factory=dict)

    def open(self) -> list[str]:
        """Take the journal, close a torn tail, and find the next number."""
        self.close()
        try:
            self._lock_fd = files.take_folder(self.folder)
            return self._take_up()
        except StorageError:
            self.close()
            raise
        except OSError as error:
            self.close()
            msg = f"cannot write {self.folder}: {error.strerror or error}"
            raise StorageError(msg, hint=_hint(error)) from error

    def append(self, source: RingSource, stamp: Stamp, ring_id: str) -> Ring:
        """Write a ring; it is on disk when this returns."""
        return self._append(Record(Ring(0, ring_id, source, stamp)))

    def append_late(self, source: RingSource, stamp: Stamp, ring_id: str) -> Ring:
        """Record a ring that was told while the disk failed."""
        return self._append(Record(Ring(0, ring_id, source, stamp), late=True))

    def find(self, ring_id: str) -> Ring | None:
        """Return a ring that was there when the journal was taken."""
        return self._recent.get(ring_id)

    def prepare(self) -> None:
        """Make the next file ahead."""
        try:
            files.make_spare(self.folder, self.slots)
        except OSError as error:
            failure = _undurable("no room ahead in the ring journal", error)
            raise failure from error

    def release(self, seq: int) -> None:
        """Delete the files whose rings are all up to `seq`; never the current one."""
        if seq >= self._next_seq:
            # The hub knows rings that this journal lost: their numbers are taken.
            self._abandon()
            self._next_seq = seq + 1
        later = [
            i for i, (_, first) in enumerate(self._begun) if first and first <= seq + 1
        ]
        for path, _ in self._begun[: max(later, default=0)]:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                failure = _undurable(f"cannot delete {path}", error)
                raise failure from error
        del self._begun[: max(later, default=0)]

    def close(self) -> None:
        """Let go of the file and of the lock."""
        self._abandon()
        if self._lock_fd >= 0:
            files.close_quietly(self._lock_fd)
        self._lock_fd = -1

    def _take_up(self) -> list[str]:
        numbered = files.numbered(self.folder)
        looked = [(n, path, *_look_at(n, path)) for n, path in numbered]
        scans = [found for _, _, found, _ in looked]
        notes = [note for *_, damage in looked for note in damage]
        rings = [record.ring for found in scans for record in found.records]
        self._recent = {ring.id: ring for ring in rings[-RECENT:]}
        self._begun = [
            (p, f.header.first_seq if f.header else None) for _, p, f, _ in looked
        ]
        self._next_number = numbered[-1][0] + 1 if numbered else 1
        # A file that cannot tell its numbers was at most full.
        unknown = sum(self.slots for found in scans if found.next_seq is None)
        known = [found.next_seq for found in scans if found.next_seq is not None]
        self._next_seq = max(self._next_seq, max(known, default=1) + unknown)
        if looked and scans[-1].is_whole:
            notes += self._continue(numbered[-1], scans[-1])
        if self._fd < 0:
            self._begin()
        return notes

    def _continue(self, numbered: tuple[int, Path], found: Scan) -> list[str]:
        """Go on in the last file, unless it is full."""
        number, path = numbered
        header = found.header
        # Numbers skipped for an unreadable file would leave a hole that looks like
        # damage.
        is_next = self._next_seq == found.next_seq
        if header is None or not is_next or (self._is_full(header) and not found.torn):
            return []
        self._fd, self._header = files.reopen(path), header
        if not found.torn:
            return []
        torn_seq = header.first_seq + found.used
        offset = offset_of(header, torn_seq)
        try:
            files.write_durably(self._fd, encode_void(torn_seq), offset)
        except OSError:
            self._abandon()
        event = f"power was lost while ring {torn_seq} was being written"
        return [f"journal file {number}: {event}; nobody had been told of it"]

    def _append(self, record: Record) -> Ring:
        if self._lock_fd < 0:
            msg = "the ring journal is not open"
            raise JournalError(msg)
        try:
            return self._write(record)
        except OSError:
            self._abandon()
        try:
            if not self.folder.is_dir():
                # Deleted while in use: made anew, and no number is used again.
                self.open()
            return self._write(record)
        except OSError as error:
            self._abandon()
            failure = _undurable("the ring could not be written", error)
            raise failure from error

    def _write(self, record: Record) -> Ring:
        header = self._room()
        seq, self._next_seq = self._next_seq, self._next_seq + 1
        ring = replace(record.ring, seq=seq)
        block = encode_record(replace(record, ring=ring))
        files.write_durably(self._fd, block, offset_of(header, seq))
        return ring

    def _room(self) -> Header:
        """Return the file with room for the next ring, beginning one if needed."""
        if self._header is not None and not self._is_full(self._header):
            return self._header
        self._abandon()
        return self._begin()

    def _is_full(self, header: Header) -> bool:
        return self._next_seq >= header.first_seq + header.slots

    def _begin(self) -> Header:
        number, self._next_number = self._next_number, self._next_number + 1
        self._fd, header = files.begin(self.folder, number, self._next_seq, self.slots)
        self._header = header
        self._begun.append((files.path_of(self.folder, number), self._next_seq))
        return header

    def _abandon(self) -> None:
        if self._fd >= 0:
            files.close_quietly(self._fd)
        self._fd, self._header = -1, None


def _undurable(message: str, error: OSError) -> JournalError:
    return JournalError(f"{message}: {error.strerror or error}", hint=_hint(error))


def _hint(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"The state directory must belong to the daemon's user ({os.geteuid()})."
    return StorageError.hint
