"""The bytes of the ring journal: how they are written and how they are read back.

Pure: no file is touched here. The layout is described for people in
`docs/reference/journal.md`. A file is one header and then slots of equal size, zeroed
before the first ring; a slot holds the ring whose number is the file's first number
plus the slot's index. Every slot carries its own checksum, so that a damaged one
hides no other.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from doorbell.core.errors import NewerStateError, StorageError
from doorbell.core.ring import Ring, RingSource
from doorbell.core.stamp import Stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD_BYTES = 128
VERSION = 1
# magic, version; kept by every later version, as is the checksum in the last 4 bytes,
# so that an old reader can tell a newer record from a damaged one.
_LEAD = struct.Struct("<4sH")
_HEADER_MAGIC = b"DBJH"
_RING_MAGIC = b"DBJR"
# magic, version, record size, file number, first seq, slots
_HEADER = struct.Struct("<4sHHQQI")
# magic, version, source, flags, seq, ring id, boot id, mono_ns, wall_ns
_RECORD = struct.Struct("<4sHBBQ16s16sqq")
_CRC = struct.Struct("<I")
_BODY_BYTES = RECORD_BYTES - _CRC.size

_SYNCED = 1
_LATE = 2
_VOID = 4
_FLAGS = _SYNCED | _LATE | _VOID

# The index is the byte on disk: append only.
_SOURCES: tuple[RingSource, ...] = get_args(RingSource)


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about itself.

    Attributes:
        number: of the file, from 1, growing.
        first_seq: number of the ring in slot 0.
        slots: how many rings fit.
    """

    number: int
    first_seq: int
    slots: int


@dataclass(frozen=True, slots=True)
class Record:
    """One slot.

    Attributes:
        ring: durable by definition.
        late: it was told before it could be written, while the disk failed.
    """

    ring: Ring
    late: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """What the bytes of one file hold.

    Attributes:
        header: None if it is damaged.
        records: the rings, oldest first.
        used: slots up to and including the last valid one.
        torn: the slot after those was being written when power was lost.
        damaged: indexes of the slots that hold neither a ring nor a torn tail.
        missing_bytes: the file is shorter than it was made.
        next_seq: a number this file has surely not used; None if it cannot tell.
    """

    header: Header | None
    records: list[Record]
    used: int
    torn: bool
    damaged: list[int]
    missing_bytes: int
    next_seq: int | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong with the file but perhaps a torn tail."""
        return self.header is not None and not (self.damaged or self.missing_bytes)


class FullError(StorageError):
    """A number lies outside the file it was meant for."""


def _seal(body: bytes) -> bytes:
    body = body.ljust(_BODY_BYTES, b"\0")
    return body + _CRC.pack(zlib.crc32(body))


def _is_sealed(slot: bytes) -> bool:
    (crc,) = _CRC.unpack_from(slot, _BODY_BYTES)
    return bool(crc == zlib.crc32(slot[:_BODY_BYTES]))


def encode_header(header: Header) -> bytes:
    """Return the first `RECORD_BYTES` of a file."""
    return _seal(
        _HEADER.pack(
            _HEADER_MAGIC,
            VERSION,
            RECORD_BYTES,
            header.number,
            header.first_seq,
            header.slots,
        )
    )


def encode_record(record: Record) -> bytes:
    """Return one slot."""
    ring, stamp = record.ring, record.ring.stamp
    flags = (_SYNCED if stamp.synced else 0) | (_LATE if record.late else 0)
    return _seal(
        _RECORD.pack(
            _RING_MAGIC,
            VERSION,
            _SOURCES.index(ring.source),
            flags,
            ring.seq,
            bytes.fromhex(ring.id),
            bytes.fromhex(stamp.boot_id),
            stamp.mono_ns,
            stamp.wall_ns,
        )
    )


def encode_void(seq: int) -> bytes:
    """Return a slot that says: this number was being used when power was lost.

    It closes a torn tail. The number is not used again: a reader may have seen it.
    """
    return _seal(
        _RECORD.pack(_RING_MAGIC, VERSION, 0, _VOID, seq, bytes(16), bytes(16), 0, 0)
    )


def offset_of(header: Header, seq: int) -> int:
    """Bytes from the start of the file to the slot of `seq`.

    Raises:
        FullError: it belongs into another file.
    """
    index = seq - header.first_seq
    if not 0 <= index < header.slots:
        msg = f"ring {seq} does not belong into journal file {header.number}"
        raise FullError(msg)
    return RECORD_BYTES * (1 + index)


def file_bytes(slots: int) -> int:
    """Size of a file."""
    return RECORD_BYTES * (1 + slots)


def scan(content: bytes) -> Scan:
    """Read a file, whatever happened to it.

    Args:
        content: all its bytes; a shorter file is one whose end was lost.

    Returns:
        Every ring that is whole, and what else was found. A slot with a wrong
        checksum or in the wrong place is never a ring.

    Raises:
        NewerStateError: a later release wrote it; nothing may be concluded.
    """
    header = _read_header(content[:RECORD_BYTES])
    first_seq = header.first_seq if header else None
    records: list[Record] = []
    used, spoiled = 0, []
    for index, slot in _written(content):
        seq, record = _read_slot(slot)
        if seq is not None and first_seq is None:
            first_seq = seq - index
        if seq is None or seq - index != first_seq:
            spoiled.append(index)
            continue
        used = index + 1
        if record is not None:
            records.append(record)
    # Each ring is on disk before the next is begun: at most one can be torn.
    torn = [i for i in spoiled if i >= used] == [used]
    damaged = spoiled[:-1] if torn else spoiled
    slots = header.slots if header else max(used, len(content) // RECORD_BYTES - 1)
    missing = max(0, file_bytes(slots) - len(content))
    next_seq = None
    if first_seq is not None:
        # What a damaged file has used cannot be told, and numbers cost nothing.
        is_whole = header and not damaged and not missing
        next_seq = first_seq + (used + torn if is_whole else slots)
    return Scan(header, records, used, torn, damaged, missing, next_seq)


def _written(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the slots up to the last that is not all zero, with their indexes."""
    end = len(content.rstrip(b"\0"))
    for start in range(RECORD_BYTES, end, RECORD_BYTES):
        slot = content[start : start + RECORD_BYTES].ljust(RECORD_BYTES, b"\0")
        yield start // RECORD_BYTES - 1, slot


def _refuse_newer(version: int) -> None:
    if version > VERSION:
        msg = f"the ring journal has version {version}; this release reads {VERSION}"
        raise NewerStateError(msg)


def _read_header(block: bytes) -> Header | None:
    block = block.ljust(RECORD_BYTES, b"\0")
    if not _is_sealed(block):
        return None
    magic, version, size, number, first_seq, slots = _HEADER.unpack_from(block)
    if magic != _HEADER_MAGIC:
        return None
    _refuse_newer(version)
    if size != RECORD_BYTES:
        return None
    return Header(number, first_seq, slots)


def _read_slot(slot: bytes) -> tuple[int | None, Record | None]:
    """Return the slot's number and its ring; the ring is None if it is void."""
    magic, version = _LEAD.unpack_from(slot)
    if magic != _RING_MAGIC or not _is_sealed(slot):
        return None, None
    _refuse_newer(version)
    _, _, source, flags, seq, ring_id, boot_id, mono_ns, wall_ns = _RECORD.unpack_from(
        slot
    )
    if flags & _VOID:
        return seq, None
    if source >= len(_SOURCES) or flags & ~_FLAGS:
        return None, None
    stamp = Stamp(boot_id.hex(), mono_ns, wall_ns, bool(flags & _SYNCED))
    ring = Ring(seq, ring_id.hex(), _SOURCES[source], stamp)
    return seq, Record(ring, bool(flags & _LATE))
