"""The cursor passes stored rings only."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.cursor import JournalCursor


def test_a_slow_ring_holds_the_cursor_back() -> None:
    cursor = JournalCursor()
    cursor.arrived(5)
    cursor.arrived(6)
    assert cursor.stored(6) == 4
    assert cursor.stored(5) == 6


def test_an_undurable_ring_has_no_place() -> None:
    cursor = JournalCursor()
    cursor.arrived(3)
    cursor.arrived(0)
    assert cursor.after(3) == 3


@given(st.permutations(range(1, 9)), st.integers(0, 8))
def test_the_cursor_is_never_beyond_a_ring_that_is_not_stored(
    order: list[int], count: int
) -> None:
    """Kills mutants that take the newest, or forget the ring at hand."""
    cursor = JournalCursor()
    for seq in range(1, 9):
        cursor.arrived(seq)
    stored = set()
    for seq in order[:count]:
        ahead = cursor.after(seq)
        stored.add(seq)
        assert cursor.stored(seq) == ahead
        missing = set(range(1, 9)) - stored
        assert ahead == (min(missing) - 1 if missing else 8)
