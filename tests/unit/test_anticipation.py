"""Looking before anybody rings: bounded, and only while something moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.anticipation import MOVING, GlancePlan


def looks(
    motions: list[float], took_s: float, step_s: float = 0.2, passes: int = 1
) -> list[float]:
    """Feed frames at a steady rate; returns when looks began."""
    plan, began = GlancePlan(), []
    ends_s = float("inf")
    for number, motion in enumerate(motions):
        now_s = number * step_s
        if plan.is_looking and now_s >= ends_s:
            plan.ended(ends_s, passes)
        if plan.is_due(now_s, motion):
            plan.began(now_s)
            began.append(now_s)
            ends_s = now_s + took_s
    return began


def test_a_still_porch_is_looked_at_once_in_five_seconds() -> None:
    began = looks([0.0] * 500, took_s=0.01)
    assert len(began) <= 0.2 * 100 + 1


def test_a_moving_visitor_is_looked_at_twice_a_second() -> None:
    began = looks([5.0] * 50, took_s=0.01, step_s=0.1)
    assert 8 <= len(began) <= 11


def test_whoever_stops_before_the_button_is_still_looked_at() -> None:
    began = looks([0.0] * 50 + [5.0] * 5 + [0.0] * 10, took_s=0.01)
    assert sum(10.0 <= at_s <= 13.0 for at_s in began) >= 4


def test_frames_are_not_given_while_one_is_looked_at() -> None:
    plan = GlancePlan()
    assert plan.is_due(0.0, MOVING)
    plan.began(0.0)
    assert not plan.is_due(60.0, MOVING)
    plan.ended(60.0)
    assert not plan.is_due(60.1, MOVING)


@given(st.floats(0.01, 3.0))
def test_a_slow_engine_gets_no_more_than_its_share_of_a_core(took_s: float) -> None:
    """Kills mutants without the rest, or with a share above a quarter."""
    began = looks([9.0] * 600, took_s=took_s, step_s=0.05)
    busy_s = len(began) * took_s
    assert busy_s <= 0.25 * 30.0 + took_s


@given(st.integers(1, 8))
def test_no_more_than_two_passes_a_second_in_the_long_run(passes: int) -> None:
    """Kills a plan without credit, and credit that grows without bound."""
    began = looks([0.0] * 600 + [9.0] * 600, took_s=0.01, step_s=0.1, passes=passes)
    lively = [at_s for at_s in began if at_s >= 60.0]
    assert len(lively) * passes <= 2.0 * 60 + passes


def test_whoever_comes_is_looked_at_twice_within_a_second() -> None:
    began = looks([0.0] * 300 + [9.0] * 20, took_s=0.02, passes=3)
    assert sum(60.0 <= at_s <= 61.0 for at_s in began) == 2
