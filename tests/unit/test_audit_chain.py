"""Lines of the audit log: what may be in one, and what a reader refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.logging import chain


@dataclass(frozen=True)
class At:
    boot_id: str = "ab" * 16
    mono_ns: int = 5
    wall_ns: int = 1_790_000_000_123_456_789
    synced: bool = True


def line(**more: object) -> bytes:
    wanted = chain.entry("thing.done", At(), **more)  # type: ignore[arg-type] # fields by name
    return chain.encode(wanted, 0, chain.GENESIS)


def test_a_record_is_one_line_in_a_fixed_order() -> None:
    fields = json.loads(line(ctx={"count": 1}))
    assert tuple(fields) == chain.FIELDS
    assert fields["ts"] == "2026-09-21T14:13:20.123Z"
    assert b" " not in line()


def test_more_than_104_days_of_uptime_do_not_pass_2_to_the_53() -> None:
    late = chain.entry("thing.done", At(mono_ns=10**17))
    assert chain.parse(chain.encode(late, 0, chain.GENESIS)).mono_ns == str(10**17)


def test_an_unsynchronised_clock_is_told() -> None:
    early = chain.entry("thing.done", At(synced=False, wall_ns=0))
    found = chain.parse(chain.encode(early, 0, chain.GENESIS))
    assert found.ctx["synced"] is False
    assert found.ts == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "ctx",
    [
        {"likeness": 0.5},
        {"count": 1 << 53},
        {"Name": "x"},
        {"a b": 1},
        {"deep": [[[[[1]]]]]},
        {"long": "x" * chain.MAX_LINE_BYTES},
        {"raw": b"x"},
    ],
)
def test_what_readers_would_read_differently_is_not_recorded(
    ctx: dict[str, object],
) -> None:
    with pytest.raises(chain.RecordError):
        chain.entry("thing.done", At(), ctx=ctx)


@pytest.mark.parametrize("wall_ns", [10**21, -(10**21)])
def test_an_impossible_time_is_refused(wall_ns: int) -> None:
    with pytest.raises(chain.RecordError):
        chain.entry("thing.done", At(wall_ns=wall_ns))


@pytest.mark.parametrize("act", ["", "done", "Thing.done", "thing.", "thing done"])
def test_an_act_is_a_thing_and_a_verb(act: str) -> None:
    with pytest.raises(chain.RecordError):
        chain.entry(act, At())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"seq":0', b'"seq":0,"seq":0'),
        (b'"ctx":{}', b'"ctx":{"a":1,"a":2}'),
        (b'"seq":0', b'"seq":0.0'),
        (b'"seq":0', b'"seq":true'),
        (b'"seq":0', b'"seq":9007199254740992'),
        (b'"ctx":{}', b'"ctx":{"a":NaN}'),
        (b'"ctx":{}', b'"ctx":{},"more":1'),
        (b'"v":1,"seq":0', b'"seq":0,"v":1'),
        (b'"out":"done"', '"out":"dönE"'.encode()),
        (b'"out":"done"', b'"out":"do\x00e"'),
        (b'"v":1', b'"v":2'),
    ],
)
def test_a_line_that_could_be_read_in_two_ways_is_refused(
    old: bytes, new: bytes
) -> None:
    good = line()
    assert old in good
    with pytest.raises(chain.RecordError):
        chain.parse(good.replace(old, new))


# Kills: encoding that leaves non-ASCII, and a parser that changes a value.
@given(text=st.text(), number=st.integers(-(2**53) + 1, 2**53 - 1))
def test_what_is_recorded_is_read_back(text: str, number: int) -> None:
    text = text.encode("utf-8", "replace").decode()[:500]
    raw = line(obj=text, ctx={"number": number, "list": [text, None, True]})
    found = chain.parse(raw)
    assert (found.obj, found.ctx["number"]) == (text, number)
    assert found.ctx["list"] == [text, None, True]
    assert raw.isascii()
    assert b"\n" not in raw


def chained(count: int) -> list[bytes]:
    lines, prev = [], chain.GENESIS
    for seq in range(count):
        one = chain.encode(chain.entry("thing.done", At(), obj=str(seq)), seq, prev)
        prev = chain.leaf_hash(one).hex()
        lines.append(one)
    return lines


def test_lines_are_followed_up_to_the_one_that_does_not() -> None:
    lines = chained(5)
    assert len(chain.follow(lines, 0, chain.GENESIS)) == 5
    flipped = lines[2].replace(b'"obj":"2"', b'"obj":"3"')
    assert len(chain.follow([*lines[:2], flipped, *lines[3:]], 0, chain.GENESIS)) == 3
    assert len(chain.follow(lines[1:], 0, chain.GENESIS)) == 0
    assert len(chain.follow([lines[0], lines[2]], 0, chain.GENESIS)) == 1


# Kills: comparing only `prev`, only the number, or not the end of a line.
@given(st.integers(0, 3), st.integers(0, 400), st.integers(1, 255))
def test_no_changed_byte_is_followed(which: int, place: int, flip: int) -> None:
    lines = chained(4)
    changed = bytearray(lines[which])
    changed[place % len(changed)] ^= flip
    lines[which] = bytes(changed)
    hashes = chain.follow(lines, 0, chain.GENESIS)
    assert len(hashes) <= which + 1
    honest = chain.follow(chained(4), 0, chain.GENESIS)
    assert hashes[which:] != honest[which : len(hashes)] or len(hashes) == which
