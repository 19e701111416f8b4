"""How measurements become figures."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.cli import bench_views
from doorbell.core.errors import UnavailableError, UsageError
from doorbell.core.ring import Ring
from doorbell.core.stamp import Stamp
from doorbell.evaluation import growth, idle, processes, rings, sync_calls
from doorbell.evaluation.figures import (
    growth_percent,
    per_day,
    percentile,
    spread,
)
from doorbell.evaluation.visitors import Visitor
from doorbell.runtime.replies import VisitView

GUEST = Visitor("guest.png", "a guest", "known", "Anna")


def reading(at_s: float, *, cpu_s: float = 0.0, written: int = 0) -> processes.Usage:
    return processes.Usage(at_s, 2048, 1024, cpu_s, 0, written)


def test_the_95th_of_a_hundred_is_the_95th() -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], 0.95) == 95
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60),
    st.floats(0.01, 1.0),
)
def test_a_percentile_has_its_share_below_and_no_smaller_value_has(
    values: list[float], share: float
) -> None:
    # Kills: `floor` for `ceil`, an index one too high, unsorted values.
    found = percentile(values, share)
    assert found in values
    wanted = math.ceil(share * len(values))
    assert sum(value <= found for value in values) >= wanted
    assert sum(value < found for value in values) < wanted


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_no_percentile_is_made_up(values: list[float], share: float) -> None:
    with pytest.raises(UsageError):
        percentile(values, share)


def test_nothing_measured_has_no_spread() -> None:
    assert spread([]) is None


def test_a_minute_is_multiplied_to_a_day() -> None:
    assert per_day(2, window_s=60) == 2880
    with pytest.raises(UsageError):
        per_day(2, window_s=0)


def test_growth_is_measured_against_what_was_before() -> None:
    assert growth_percent(200, 203) == pytest.approx(1.5)
    assert growth_percent(200, 190) == pytest.approx(-5)
    with pytest.raises(UsageError):
        growth_percent(0, 1)


def test_a_process_name_with_spaces_does_not_shift_the_ticks() -> None:
    stat = "77 (a) (b c) S 1 1 1 0 -1 4194560 100 0 0 0 31 11 5 6 20 0 3 0 99"
    assert processes.cpu_ticks(stat) == 42


def test_the_proportional_memory_is_not_that_of_its_parts() -> None:
    rollup = "Rss:  900 kB\nPss:  500 kB\nPss_Anon:  300 kB\nPss_File: 200 kB\n"
    assert processes.number(rollup, "Pss") == 500
    assert processes.number(rollup, "Swap") == 0


def test_sync_calls_are_counted_once_and_by_process() -> None:
    record = (
        "11  fsync(5) = 0\n"
        "12  fdatasync(6 <unfinished ...>\n"
        "11  fsync(5) = 0\n"
        "12  <... fdatasync resumed>) = 0\n"
        "99  msync(0x7f, 4096, MS_SYNC) = 0\n"
        "12  +++ exited with 0 +++\n"
    )
    pids = {"supervisor": 11, "button": 20}
    counts = sync_calls.tally(record, {11: "supervisor", 12: "supervisor"}, pids)
    assert counts == {"supervisor": 3, "button": 0, "other": 1}


def test_idle_figures_are_differences_over_the_window() -> None:
    one = idle.compare(
        "button",
        reading(100.0, cpu_s=7.0, written=1000),
        reading(110.0, cpu_s=7.2, written=3000),
        on_disk=True,
        syncs={"button": 1},
        syncs_s=8640.0,
    )
    assert one.cpu_percent == pytest.approx(2.0)
    assert one.written_a_day == pytest.approx(2000 * 8640)
    assert one.syncs_a_day == pytest.approx(10)


def test_what_could_not_be_measured_is_not_called_zero() -> None:
    one = idle.compare(
        "button", reading(0.0), reading(10.0), on_disk=False, syncs=None, syncs_s=10.0
    )
    together = idle.whole([one, one])
    assert together.written_a_day is None
    assert together.syncs_a_day is None
    row = bench_views.idle_text([one]).splitlines()[1]
    assert row.split()[-2:] == ["-", "-"]


@pytest.mark.parametrize(("syncs", "spared"), [(0.3, True), (0.4, False)])
def test_a_card_that_syncs_too_often_misses_the_goal(
    syncs: float, spared: bool
) -> None:
    one = idle.IdleProcess("button", 1, 0.0, 0.0, 0.0, syncs * 10_000)
    assert idle.is_within_goals(one) is spared


def test_the_longest_mount_point_says_whether_it_is_in_memory() -> None:
    mounts = (
        "/dev/root / ext4 rw 0 0\n"
        "tmpfs /tmp tmpfs rw 0 0\n"
        "/dev/sda1 /tmp/disk ext4 rw 0 0\n"
    )
    assert idle.is_in_memory(Path("/tmp/state"), mounts)
    assert not idle.is_in_memory(Path("/tmp/disk/state"), mounts)
    assert not idle.is_in_memory(Path("/tmpfile"), mounts)


def test_stages_count_from_the_edge_and_pushes_from_where_they_arrive() -> None:
    stamp = Stamp("boot", 1_000_000_000, 0, synced=False)
    ring = Ring(id="r", seq=1, source="mock", stamp=stamp)
    view = VisitView(
        id="r",
        ring=ring,
        at_s=None,
        rings=1,
        state="decided",
        decision="known",
        timings_ms={"rung": 9.0, "frame": 60.0, "decided": 90.0, "told": 999.0},
    )
    took_ms = rings.stages(view, [1_020_000_000, 1_120_000_000])
    assert took_ms == {
        "rung": 9,
        "decided": 90,
        "first push": 20,
        "push": 120,
        "decision": 30,
    }


def test_an_untold_ring_is_wrong_and_spoils_no_median() -> None:
    found = [
        rings.MeasuredRing(GUEST, "known", is_right=True, took_ms={"decided": 90.0}),
        rings.MeasuredRing(GUEST, "untold", is_right=False),
    ]
    assert rings.count_right(found) == 1
    text = bench_views.rings_text(found)
    assert "1 of 2 decisions were right" in text
    assert text.splitlines()[1].split()[:4] == ["decided", "90", "90", "1"]


def test_growth_leaves_the_warm_up_out() -> None:
    samples = [
        growth.Sample(n, 1.0, {"vision": kib}, {"vision": 7})
        for n, kib in ((10, 100), (20, 200), (30, 201))
    ]
    assert growth.growth(samples, warm_up=20) == {"vision": pytest.approx(0.5)}


def test_a_restarted_process_has_not_shrunk() -> None:
    before = growth.Sample(10, 1.0, {"vision": 200}, {"vision": 7})
    after = growth.Sample(20, 1.0, {"vision": 100}, {"vision": 8})
    with pytest.raises(UnavailableError, match="died"):
        growth.growth([before, after], warm_up=0)
