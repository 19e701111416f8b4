"""Quiet hours, in every position of the window."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.quiet import is_quiet

minutes = st.integers(0, 24 * 60 - 1)


def clock(minute: int) -> time:
    return time(minute // 60, minute % 60)


@pytest.mark.parametrize(
    ("spec", "at", "quiet"),
    [
        ("", time(3, 0), False),
        ("21:30-07:00", time(21, 29, 59), False),
        ("21:30-07:00", time(21, 30), True),
        ("21:30-07:00", time(0, 0), True),
        ("21:30-07:00", time(7, 0), False),
        ("13:00-15:00", time(13, 0), True),
        ("13:00-15:00", time(15, 0), False),
        ("07:00-07:00", time(12, 0), True),
    ],
)
def test_window_holds_its_first_minute_and_not_its_last(
    spec: str, at: time, quiet: bool
) -> None:
    assert is_quiet(spec, at) is quiet


@given(minutes, minutes, minutes)
def test_a_window_and_its_complement_share_no_minute(a: int, b: int, at: int) -> None:
    """Kills the mutants `<=` at the end and `>` at the beginning of a window."""
    if a == b:
        return
    there = is_quiet(f"{clock(a):%H:%M}-{clock(b):%H:%M}", clock(at))
    back = is_quiet(f"{clock(b):%H:%M}-{clock(a):%H:%M}", clock(at))
    assert there is not back


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 2), ("2026-10-25", 4), ("2026-06-01", 3)]
)
def test_both_changes_of_summer_time_keep_the_window(day: str, hours: int) -> None:
    """01:00-04:00 on the wall lasts 2, 4 or 3 real hours, and is quiet throughout."""
    zone = ZoneInfo("Europe/Berlin")
    begins = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=zone)
    start_s = begins.timestamp()
    moments = [datetime.fromtimestamp(start_s + 60 * m, zone) for m in range(7 * 60)]
    quiet = [m for m in moments if is_quiet("01:00-04:00", m.time())]
    assert timedelta(minutes=len(quiet)) == timedelta(hours=hours)
