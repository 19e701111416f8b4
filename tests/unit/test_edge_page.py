"""Edges outlive whoever reads them: at no kill is one forgotten or made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.adapters.edge_page import RECORDS, EdgePage
from doorbell.core.line_event import EVENT_BYTES, LineEvent, decode, encode, missed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BOOT = "b0" * 16


def kernel_writes(page: EdgePage, events: Sequence[LineEvent]) -> None:
    """Copy records into the page, as read(2) does."""
    with page.room() as room:
        for place, event in enumerate(events):
            room[place * EVENT_BYTES : (place + 1) * EVENT_BYTES] = encode(event)
    page.wrote(len(events))


def edges(first: int, count: int) -> list[LineEvent]:
    return [
        LineEvent(1_000 * number, pressed=number % 2 == 1, seqno=number)
        for number in range(first, first + count)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "edges"


def test_what_was_not_settled_is_there_for_the_next_process(path: Path) -> None:
    page = EdgePage(path, BOOT)
    kernel_writes(page, edges(1, 2))
    assert page.take() == edges(1, 2)
    page.settle()
    kernel_writes(page, edges(3, 2))
    # Killed here: neither taken nor settled.
    again = EdgePage(path, BOOT)
    assert again.take() == edges(3, 2)
    assert again.take() == []
    assert (again.last_seqno, again.is_pressed) == (4, False)


def test_what_was_settled_is_not_told_again_but_the_level_is_known(path: Path) -> None:
    page = EdgePage(path, BOOT)
    kernel_writes(page, edges(1, 3))
    page.take()
    page.settle()
    again = EdgePage(path, BOOT)
    assert again.take() == []
    assert (again.last_seqno, again.is_pressed) == (3, True)


def test_edges_of_another_boot_are_forgotten(path: Path) -> None:
    kernel_writes(EdgePage(path, BOOT), edges(1, 2))
    assert EdgePage(path, "c1" * 16).take() == []


def test_a_settled_page_never_runs_full(path: Path) -> None:
    page = EdgePage(path, BOOT)
    for first in range(1, 4 * RECORDS, 7):
        assert page.has_room
        kernel_writes(page, edges(first, 7))
        assert page.take() == edges(first, 7)
        page.settle()


def test_a_page_killed_while_it_was_wiped_has_room_again(path: Path) -> None:
    page = EdgePage(path, BOOT)
    kernel_writes(page, edges(1, RECORDS))
    page.take()
    # All settled, and killed before the first byte was wiped.
    page._store(40, RECORDS)
    again = EdgePage(path, BOOT)
    assert not again.has_room
    again.settle()
    assert again.has_room
    assert again.take() == []


def test_without_a_file_it_is_memory_of_this_process(path: Path) -> None:
    page = EdgePage(None, BOOT)
    kernel_writes(page, edges(1, 2))
    assert page.take() == edges(1, 2)
    assert not path.exists()


WORDS = st.sampled_from(["take", "settle", "kill", "one", "three"])


@given(st.lists(WORDS, max_size=60))
def test_every_edge_is_told_until_it_is_settled(
    tmp_path_factory: pytest.TempPathFactory, script: list[str]
) -> None:
    """Kills: `done` stored before the records, a wipe that forgets what is unread."""
    path = tmp_path_factory.mktemp("page") / "edges"
    page, written, told, settled = EdgePage(path, BOOT), 0, 0, 0
    for word in script:
        match word:
            case "take":
                assert page.take() == edges(told + 1, written - told)
                told = written
            case "settle":
                page.settle()
                settled = told
            case "kill":
                page, told = EdgePage(path, BOOT), settled
            case _:
                count = 1 if word == "one" else 3
                kernel_writes(page, edges(written + 1, count))
                written += count
    assert EdgePage(path, BOOT).take() == edges(settled + 1, written - settled)


def test_a_record_is_the_kernels() -> None:
    # struct gpio_v2_line_event, little endian: 48 bytes, the line's own number last.
    block = bytes.fromhex("010000000000000001000000110000000900000007000000")
    assert decode(block + bytes(24)) == LineEvent(1, pressed=True, seqno=7)
    assert EVENT_BYTES == 48


@pytest.mark.parametrize("block", [bytes(48), b"press 200ms".ljust(48, b"\0")])
def test_what_is_no_record_is_none(block: bytes) -> None:
    assert decode(block) is None


@given(st.integers(1, 2**64 - 1), st.booleans(), st.integers(0, 2**32 - 1))
def test_a_record_comes_back_as_it_was(mono_ns: int, pressed: bool, seqno: int) -> None:
    """Kills: rising taken for falling, the counter of all lines for the line's."""
    event = LineEvent(mono_ns, pressed, seqno)
    assert decode(encode(event)) == event


@pytest.mark.parametrize(
    ("before", "seqno", "lost"),
    [
        (0, 5, 0),  # the first ever seen
        (4, 5, 0),
        (4, 8, 3),
        (2**32 - 1, 1, 1),  # the counter began anew
        (90, 1, 0),  # the line was taken anew
        (5, 0, 0),  # a level without an edge has no number
    ],
)
def test_a_gap_in_the_numbers_says_how_many_edges_were_lost(
    before: int, seqno: int, lost: int
) -> None:
    assert missed(before, seqno) == lost
