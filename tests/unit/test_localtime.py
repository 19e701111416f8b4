"""Local time, and quiet hours on both nights when the clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from doorbell.core.errors import BadSettingsError
from doorbell.core.localtime import clock_text, local_at, zone_named
from doorbell.core.quiet import is_quiet

AMSTERDAM = zone_named("Europe/Amsterdam")
# 2026: summer time begins on 29 March at 01:00 UTC and ends on 25 October at 01:00 UTC.
SPRING = datetime(2026, 3, 29, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 25, tzinfo=UTC)


def at(instant: datetime) -> datetime:
    local = local_at(instant.timestamp(), AMSTERDAM)
    assert local is not None
    return local


def quiet_minutes(day: datetime, spec: str) -> int:
    noon_before = day - timedelta(hours=12)
    return sum(
        is_quiet(spec, at(noon_before + timedelta(minutes=minute)).time())
        for minute in range(24 * 60)
    )


def test_a_winter_and_a_summer_ring_show_the_wall_clock() -> None:
    assert clock_text(at(datetime(2026, 1, 5, 13, 2, tzinfo=UTC))) == "14:02"
    assert clock_text(at(datetime(2026, 7, 5, 12, 2, tzinfo=UTC))) == "14:02"


def test_the_hour_left_out_in_spring_is_never_shown() -> None:
    before = clock_text(at(SPRING + timedelta(minutes=59)))
    after = clock_text(at(SPRING + timedelta(minutes=60)))
    assert (before, after) == ("01:59", "03:00")


def test_the_hour_that_comes_twice_in_autumn_says_which() -> None:
    first = clock_text(at(AUTUMN + timedelta(minutes=30)))
    second = clock_text(at(AUTUMN + timedelta(minutes=90)))
    assert (first, second) == ("02:30 CEST", "02:30 CET")
    assert clock_text(at(AUTUMN + timedelta(minutes=-1))) == "01:59"
    assert clock_text(at(AUTUMN + timedelta(minutes=120))) == "03:00"


@pytest.mark.parametrize(
    ("day", "hours"), [(SPRING, 8), (AUTUMN, 10), (SPRING + timedelta(days=7), 9)]
)
def test_quiet_hours_follow_the_wall_clock_on_both_changes(
    day: datetime, hours: int
) -> None:
    assert quiet_minutes(day, "22:00-07:00") == hours * 60


@pytest.mark.parametrize(
    ("minutes", "quiet"),
    [(29, False), (30, True), (59, True), (90, True), (120, False)],
)
def test_a_window_inside_the_doubled_hour_is_quiet_both_times(
    minutes: int, quiet: bool
) -> None:
    # 02:30-03:00, from 00:00 UTC = 02:00 summer time.
    local = at(AUTUMN + timedelta(minutes=minutes))
    assert is_quiet("02:30-03:00", local.time()) == quiet


def test_a_window_inside_the_missing_hour_is_never_quiet() -> None:
    assert quiet_minutes(SPRING, "02:15-02:45") == 0


def test_unknown_and_impossible_instants_have_no_local_time() -> None:
    assert local_at(None, AMSTERDAM) is None
    assert local_at(1e30, AMSTERDAM) is None
    assert local_at(float("nan"), AMSTERDAM) is None


@pytest.mark.parametrize("name", ["Europe/Nowhere", "../etc/passwd", "", "Europe"])
def test_a_wrong_zone_is_a_wrong_setting(name: str) -> None:
    with pytest.raises(BadSettingsError) as caught:
        zone_named(name)
    assert caught.value.exit_code == 78
    assert caught.value.hint
