"""What can be read back from the bytes of the journal, whatever happened to them."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.errors import NewerStateError
from doorbell.core.journal import (
    RECORD_BYTES,
    FullError,
    Header,
    Record,
    encode_header,
    encode_record,
    encode_void,
    file_bytes,
    offset_of,
    scan,
)
from doorbell.core.ring import Ring
from doorbell.core.stamp import Stamp

SLOTS = 12
FIRST_SEQ = 41
HEADER = Header(number=3, first_seq=FIRST_SEQ, slots=SLOTS)

hex_ids = st.binary(min_size=16, max_size=16).map(bytes.hex)
times_ns = st.integers(-(2**63), 2**63 - 1)
stamps = st.builds(Stamp, hex_ids, times_ns, times_ns, st.booleans())
sources = st.sampled_from(["gpio", "mock", "command", "http", "mqtt", "synthetic"])
rings = st.builds(Ring, st.just(0), hex_ids, sources, stamps)


def record(seq: int, late: bool = False) -> Record:
    stamp = Stamp(f"{7:032x}", 1_000 + seq, 2_000 + seq, synced=True)
    return Record(Ring(seq, f"{seq:032x}", "gpio", stamp), late)


def journal(count: int) -> bytes:
    """Return a file with so many rings and zeros after them."""
    written = b"".join(encode_record(record(FIRST_SEQ + i)) for i in range(count))
    return (encode_header(HEADER) + written).ljust(file_bytes(SLOTS), b"\0")


def seqs(content: bytes) -> list[int]:
    return [found.ring.seq for found in scan(content).records]


@given(rings, st.booleans())
def test_a_ring_is_read_as_it_was_written(ring: Ring, late: bool) -> None:
    """Kills the mutants that mix up two fields or drop a flag."""
    written = Record(Ring(FIRST_SEQ, ring.id, ring.source, ring.stamp), late)
    found = scan(encode_header(HEADER) + encode_record(written))
    assert found.records == [written]
    assert found.header == HEADER


@given(st.integers(0, SLOTS), st.data())
def test_a_tail_cut_anywhere_leaves_exactly_the_rings_before_it(
    count: int, data: st.DataObject
) -> None:
    """Kills the mutant that takes a slot for whole by its magic alone."""
    content = journal(count)
    cut = data.draw(st.integers(0, file_bytes(count)))
    lost_in_file = scan(content[:cut].ljust(len(content), b"\0"))
    lost_with_file = scan(content[:cut])
    # A slot whose last bytes are zero anyway is whole before its end.
    whole = [
        i
        for i in range(count)
        if not any(content[max(cut, file_bytes(i)) : file_bytes(i + 1)])
    ]
    for found in (lost_in_file, lost_with_file):
        assert [r.ring.seq - FIRST_SEQ for r in found.records] == whole
        assert found.records == [record(FIRST_SEQ + i) for i in whole]
        assert found.damaged == []
    assert (lost_with_file.missing_bytes > 0) == (cut < len(content))


@given(st.integers(1, SLOTS), st.integers(0, RECORD_BYTES * 8 - 1))
def test_a_flipped_bit_in_the_last_ring_never_invents_one(count: int, bit: int) -> None:
    """Kills the mutant whose checksum leaves out a field."""
    content = bytearray(journal(count))
    content[file_bytes(count - 1) + bit // 8] ^= 1 << bit % 8
    found = scan(bytes(content))
    assert seqs(bytes(content)) == list(range(FIRST_SEQ, FIRST_SEQ + count - 1))
    assert found.torn
    assert found.damaged == []


@given(st.integers(2, SLOTS), st.data())
def test_damage_in_the_middle_is_reported_and_hides_no_later_ring(
    count: int, data: st.DataObject
) -> None:
    """Kills the mutant that stops at the first slot it cannot read."""
    hit = data.draw(st.integers(0, count - 2))
    garbage = data.draw(st.binary(min_size=RECORD_BYTES, max_size=RECORD_BYTES))
    content = bytearray(journal(count))
    content[file_bytes(hit) : file_bytes(hit + 1)] = garbage
    found = scan(bytes(content))
    assert found.damaged == [hit]
    assert not found.torn
    assert len(found.records) == count - 1
    assert found.next_seq == FIRST_SEQ + SLOTS


@given(st.binary(max_size=file_bytes(SLOTS)))
def test_arbitrary_bytes_hold_no_ring(content: bytes) -> None:
    """Kills the mutant that does not look at the checksum."""
    assert scan(content).records == []


def test_ring_in_another_rings_slot_is_damage() -> None:
    content = bytearray(journal(4))
    stale = content[file_bytes(0) : file_bytes(1)]
    content[file_bytes(2) : file_bytes(3)] = stale
    assert scan(bytes(content)).damaged == [2]


def test_damaged_header_hides_no_ring() -> None:
    content = bytearray(journal(4))
    content[9] ^= 0xFF
    found = scan(bytes(content))
    assert found.header is None
    assert len(found.records) == 4
    assert found.next_seq == FIRST_SEQ + SLOTS


def test_closed_tail_is_no_ring_and_its_number_stays_used() -> None:
    content = bytearray(journal(3))
    content[file_bytes(2) : file_bytes(3)] = encode_void(FIRST_SEQ + 2)
    found = scan(bytes(content))
    assert seqs(bytes(content)) == [FIRST_SEQ, FIRST_SEQ + 1]
    assert (found.torn, found.damaged) == (False, [])
    assert found.next_seq == FIRST_SEQ + 3


@pytest.mark.parametrize("block", [0, 2])
def test_what_a_later_release_wrote_is_refused_not_skipped(block: int) -> None:
    content = bytearray(journal(3))
    at = block * RECORD_BYTES
    struct.pack_into("<H", content, at + 4, 2)
    body = content[at : at + RECORD_BYTES - 4]
    struct.pack_into("<I", content, at + RECORD_BYTES - 4, zlib.crc32(body))
    with pytest.raises(NewerStateError, match="version 2"):
        scan(bytes(content))


def test_a_ring_outside_its_file_has_no_place() -> None:
    assert offset_of(HEADER, FIRST_SEQ) == RECORD_BYTES
    for seq in (FIRST_SEQ - 1, FIRST_SEQ + SLOTS):
        with pytest.raises(FullError):
            offset_of(HEADER, seq)


def test_layout_on_disk_does_not_change() -> None:
    """An old journal must stay readable: these bytes are what version 1 wrote."""
    block = encode_record(record(0x0102, late=True))
    assert block[:16].hex() == "44424a52" + "0100" + "00" + "03" + "0201000000000000"
    assert encode_header(HEADER)[:32].hex() == (
        "44424a48" + "0100" + "8000" + "0300000000000000" + "2900000000000000"
        "0c000000" + "00000000"
    )
