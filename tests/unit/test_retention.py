"""What is deleted, for every history of clocks."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.retention import (
    Kept,
    RetentionLimits,
    at_least_s,
    prune_plan,
    room_plan,
)
from doorbell.core.stamp import NS_PER_S, Stamp

LIMITS = RetentionLimits(
    visit_s=1000.0, picture_s=100.0, picture_bytes=1000, synthetic_s=50.0
)
BOOTS = ("old", "new")
YEARS_56_S = 56 * 365 * 86_400


def stamp(boot: str, mono_s: float, wall_s: float, *, synced: bool) -> Stamp:
    return Stamp(boot, int(mono_s * NS_PER_S), int(wall_s * NS_PER_S), synced)


def here(mono_s: float) -> Stamp:
    return stamp("new", mono_s, 0.0, synced=False)


def kept(
    number: int,
    when: Stamp,
    size: int = 0,
    *,
    busy: bool = False,
    synthetic: bool = False,
) -> Kept:
    return Kept(f"{number:032x}", when, size, synthetic, busy)


def test_a_jump_of_the_clock_deletes_nothing() -> None:
    before = stamp("old", 5.0, 30.0, synced=False)
    now = stamp("new", 20.0, YEARS_56_S, synced=True)
    assert prune_plan([kept(1, before, 10)], now, LIMITS).visits == []
    assert prune_plan([kept(1, before, 10)], now, LIMITS).pictures == []


def test_a_jump_within_a_boot_deletes_nothing() -> None:
    before = stamp("new", 5.0, 30.0, synced=True)
    now = stamp("new", 20.0, YEARS_56_S, synced=True)
    assert at_least_s(before, now) == 15.0


def test_two_synchronised_clocks_tell_across_boots() -> None:
    before = stamp("old", 5.0, 5000.0, synced=True)
    assert at_least_s(before, stamp("new", 1.0, 6001.0, synced=True)) == 1001.0
    assert at_least_s(before, stamp("new", 1.0, 6001.0, synced=False)) == 1.0


def test_a_machine_without_any_clock_forgets_by_its_uptime() -> None:
    before = stamp("old", 5.0, 0.0, synced=False)
    plan = prune_plan([kept(1, before, 10)], here(1000.5), LIMITS)
    assert plan.visits == [kept(1, before).id]


def test_what_came_before_something_old_is_old() -> None:
    undated = stamp("older", 5.0, 0.0, synced=False)
    dated = stamp("old", 5.0, 5000.0, synced=True)
    now = stamp("new", 1.0, 6500.0, synced=True)
    plan = prune_plan([kept(2, dated), kept(1, undated)], now, LIMITS)
    assert plan.visits == [kept(2, dated).id, kept(1, undated).id]


def test_pictures_go_before_visits_and_self_tests_first() -> None:
    row = [
        kept(4, here(960.0), 10),
        kept(3, here(940.0), 10, synthetic=True),
        kept(2, here(850.0), 10),
        kept(1, here(10.0), 10, busy=True),
    ]
    plan = prune_plan(row, here(1000.0), LIMITS)
    assert plan.visits == [row[1].id]
    assert plan.pictures == [row[2].id]


def test_room_is_taken_from_the_oldest_pictures() -> None:
    row = [kept(n, here(float(n)), 400, busy=n == 1) for n in (4, 3, 2, 1)]
    assert room_plan(row, 401) == [row[2].id, row[1].id]
    assert room_plan(row, 0) == []


def test_the_oldest_pictures_go_when_there_are_too_many_bytes() -> None:
    row = [
        kept(n, here(999.0), size) for n, size in ((4, 600), (3, 400), (2, 1), (1, 9))
    ]
    plan = prune_plan(row, here(1000.0), LIMITS)
    assert plan.pictures == [row[2].id, row[3].id]


def test_an_older_smaller_picture_does_not_outlive_a_dropped_one() -> None:
    row = [kept(n, here(999.0), size) for n, size in ((3, 600), (2, 500), (1, 1))]
    assert prune_plan(row, here(1000.0), LIMITS).pictures == [row[1].id, row[2].id]


stamps = st.builds(
    stamp,
    st.sampled_from(BOOTS),
    st.floats(0, 3000),
    st.floats(0, YEARS_56_S),
    synced=st.booleans(),
)
histories = st.lists(
    st.builds(
        kept,
        st.integers(0, 1 << 60),
        stamps,
        st.integers(0, 600),
        busy=st.booleans(),
        synthetic=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda visit: visit.id,
)
nows = st.builds(
    stamp,
    st.just("new"),
    st.floats(0, 4000),
    st.floats(0, YEARS_56_S),
    synced=st.booleans(),
)


@given(histories, nows)
def test_nothing_is_deleted_that_may_be_young(history: list[Kept], now: Stamp) -> None:
    """Kills the mutants: wall time believed when unsynchronised; limits swapped."""
    plan = prune_plan(history, now, LIMITS)
    for index, visit in enumerate(history):
        proven_s = max(at_least_s(v.stamp, now) for v in history[: index + 1])
        limit_s = LIMITS.synthetic_s if visit.synthetic else LIMITS.visit_s
        if visit.id in plan.visits:
            assert proven_s > limit_s


@given(histories, nows)
def test_what_is_busy_stays_whole(history: list[Kept], now: Stamp) -> None:
    """Kills the mutant that looks at age before it looks at `busy`."""
    plan = prune_plan(history, now, LIMITS)
    gone = {*plan.visits, *plan.pictures, *room_plan(history, 1 << 30)}
    assert not gone & {visit.id for visit in history if visit.busy}


@given(histories, nows)
def test_pictures_that_stay_fit_unless_they_are_busy(
    history: list[Kept], now: Stamp
) -> None:
    """Kills the mutants: bytes not summed; the newest go first."""
    plan = prune_plan(history, now, LIMITS)
    gone = {*plan.visits, *plan.pictures}
    stays = [v for v in history if v.picture_bytes and v.id not in gone]
    idle = [v.picture_bytes for v in stays if not v.busy]
    if idle:
        assert sum(idle) <= LIMITS.picture_bytes
    dropped_at = [i for i, v in enumerate(history) if v.id in plan.pictures]
    if dropped_at:
        kept_later = [v for v in history[dropped_at[0] :] if v in stays and not v.busy]
        assert kept_later == []


@given(histories, nows)
def test_a_visit_is_not_deleted_twice(history: list[Kept], now: Stamp) -> None:
    """Kills the mutant that drops the picture of a visit it deletes as well."""
    plan = prune_plan(history, now, LIMITS)
    both = plan.visits + plan.pictures
    assert len(both) == len(set(both))


@given(histories, st.booleans(), st.floats(0, 1e9), st.floats(0, 1e9))
def test_an_unsynchronised_now_decides_nothing(
    history: list[Kept],
    synced: bool,
    one_s: float,
    two_s: float,
) -> None:
    """Kills the mutant that reads `wall_ns` without looking at `synced`."""
    undated = [
        replace(v, stamp=replace(v.stamp, synced=v.stamp.synced and not synced))
        for v in history
    ]
    plans = [
        prune_plan(undated, stamp("new", 3500.0, wall_s, synced=synced), LIMITS)
        for wall_s in (one_s, two_s)
    ]
    assert plans[0] == plans[1]
