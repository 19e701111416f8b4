"""When a camera counts as black, frozen or absent, and when it is tried again."""

from __future__ import annotations

from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.camera import (
    BLACK_LEVEL,
    CLEAR_FRAMES,
    CLEAR_LEVEL,
    STABLE_S,
    CameraWatch,
    Reopening,
    Verdict,
    WatchLimits,
)

LIMITS = WatchLimits(stale_s=5.0, frozen_s=60.0, black_s=10.0)
BRIGHT, DARK = 90.0, 1.0


def watching() -> CameraWatch:
    """Return the watch of a camera that has just delivered its first frame."""
    watch = CameraWatch(LIMITS)
    watch.opened(0.0)
    verdict = watch.saw(0.0, BRIGHT, 0)
    assert verdict == Verdict("ok")
    return watch


def darkened() -> CameraWatch:
    """Return a watch that has just said black, at 10 s."""
    watch = watching()
    verdict = watch.saw(10.0, DARK, 1)
    assert verdict is not None
    assert verdict.condition == "black"
    return watch


def test_first_frame_makes_a_camera_ok() -> None:
    assert watching().condition == "ok"


def test_good_frames_are_reported_once() -> None:
    watch = watching()
    assert [watch.saw(float(n), BRIGHT, n) for n in range(1, 9)] == [None] * 8


def test_a_hand_before_the_lens_is_no_fault() -> None:
    watch = watching()
    assert watch.saw(9.9, DARK, 1) is None
    assert watch.saw(10.0, BRIGHT, 2) is None
    assert watch.saw(19.9, DARK, 3) is None


def test_black_ends_only_with_clearly_brighter_frames_in_a_row() -> None:
    watch = darkened()
    between = (BLACK_LEVEL + CLEAR_LEVEL) / 2
    for n, level in enumerate([between] * 5 + [BRIGHT, BRIGHT, between] * 3):
        assert watch.saw(11.0 + n, level, n + 2) is None
    verdicts = [watch.saw(30.0 + n, BRIGHT, 50 + n) for n in range(CLEAR_FRAMES)]
    assert verdicts == [None] * (CLEAR_FRAMES - 1) + [Verdict("ok")]


def test_same_picture_for_too_long_is_frozen() -> None:
    watch = watching()
    assert watch.saw(59.9, BRIGHT, 0) is None
    verdict = watch.saw(60.0, BRIGHT, 0)
    assert verdict is not None
    assert verdict.condition == "frozen"
    assert verdict.hint


def test_frozen_ends_only_with_new_pictures_in_a_row() -> None:
    watch = watching()
    watch.saw(60.0, BRIGHT, 0)
    for n, fingerprint in enumerate([1, 2, 2, 3, 4, 4]):
        assert watch.saw(61.0 + n, BRIGHT, fingerprint) is None
    verdicts = [watch.saw(70.0 + n, BRIGHT, 10 + n) for n in range(CLEAR_FRAMES)]
    assert verdicts[-1] == Verdict("ok")


def test_black_is_told_rather_than_frozen() -> None:
    watch = watching()
    watch.saw(1.0, 0.0, 7)
    verdict = watch.saw(70.0, 0.0, 7)
    assert verdict is not None
    assert verdict.condition == "black"


def test_silence_is_absence_after_the_limit() -> None:
    watch = watching()
    assert watch.nothing_came(4.9) is None
    verdict = watch.nothing_came(5.0)
    assert verdict is not None
    assert verdict.condition == "absent"
    assert watch.is_stale(5.0)
    assert watch.nothing_came(6.0) is None


def test_lost_camera_is_ok_with_its_first_frame() -> None:
    watch = watching()
    watch.nothing_came(5.0)
    watch.opened(9.0)
    assert not watch.is_stale(13.9)
    assert watch.saw(10.0, BRIGHT, 1) == Verdict("ok")


def test_time_without_camera_does_not_count_as_darkness() -> None:
    watch = watching()
    watch.nothing_came(5.0)
    watch.opened(100.0)
    assert watch.saw(100.0, DARK, 1) == Verdict("ok")


def test_failure_is_reported_once_until_it_changes() -> None:
    watch = CameraWatch(LIMITS)
    busy = Verdict("busy", "held", "stop it")
    assert watch.failed(busy) is busy
    assert watch.failed(busy) is None
    assert watch.failed(Verdict("absent")) is not None


@given(
    st.lists(
        st.tuples(
            st.floats(0.05, 4.0), st.sampled_from([0.0, 5.0, 90.0]), st.integers(0, 2)
        ),
        min_size=1,
        max_size=80,
    )
)
def test_every_report_is_a_change(frames: list[tuple[float, float, int]]) -> None:
    """Kills the mutants that report each frame, or toggle without hysteresis."""
    watch, now_s = watching(), 0.0
    told, changes_s = ["ok"], []
    for step_s, brightness, fingerprint in frames:
        now_s += step_s
        verdict = watch.saw(now_s, brightness, fingerprint)
        if verdict is not None:
            told.append(verdict.condition)
            changes_s.append((now_s, verdict.condition))
    assert all(before != after for before, after in pairwise(told))
    blacks_s = [at_s for at_s, condition in changes_s if condition == "black"]
    assert all(b - a >= LIMITS.black_s for a, b in pairwise(blacks_s))


def waits(failures_s: list[float], **options: float) -> list[float]:
    reopening = Reopening(**options)
    found = []
    for at_s in failures_s:
        reopening.failed(at_s)
        found.append(reopening.due_s - at_s)
    return found


def test_retry_waits_double_up_to_the_cap() -> None:
    assert waits([0.0] * 7) == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


@pytest.mark.parametrize(("stayed_s", "wait_s"), [(STABLE_S, 1.0), (STABLE_S - 1, 8.0)])
def test_only_a_camera_that_stayed_is_retried_quickly(
    stayed_s: float, wait_s: float
) -> None:
    reopening = Reopening()
    for _ in range(3):
        reopening.failed(0.0)
    reopening.opened(10.0)
    reopening.failed(10.0 + stayed_s)
    assert reopening.due_s - (10.0 + stayed_s) == wait_s


@given(st.lists(st.floats(0.0, STABLE_S - 1), min_size=2, max_size=30))
def test_a_flapping_camera_is_not_hammered(lives_s: list[float]) -> None:
    """Kills the mutant whose back-off is forgotten as soon as `open` succeeds."""
    reopening, now_s, before_s = Reopening(), 0.0, 0.0
    for number, life_s in zip(count(), lives_s, strict=False):
        reopening.opened(now_s)
        now_s += life_s
        reopening.failed(now_s)
        wait_s = reopening.due_s - now_s
        assert wait_s == pytest.approx(min(2.0**number, reopening.cap_s))
        assert wait_s >= min(before_s, reopening.cap_s) - 1e-6
        before_s, now_s = wait_s, reopening.due_s
