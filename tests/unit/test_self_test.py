"""The rings the doorbell gives itself: which kind comes next, how one went."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.self_test import LEGS, SelfTest, is_daily, is_stored
from doorbell.runtime.drawn_face import SIZE, drawn_pixels
from doorbell.testing.drawn_face import drawn_face

NOON = time(12, 0)
DAY = date(2026, 5, 4)
LEG = st.sampled_from(LEGS)


def at(hour: int, minute: int = 0, day: date = DAY) -> datetime:
    return datetime.combine(day, time(hour, minute))


@given(every=st.integers(1, 200), begin=st.integers(0, 10_000))
def test_one_ring_in_so_many_is_stored(every: int, begin: int) -> None:
    # Kills: `number % every == 1`, which never stores where every ring should be.
    kinds = [is_stored(number, every) for number in range(begin, begin + every)]
    assert kinds.count(True) == 1


def test_a_daemon_that_restarts_over_and_over_stores_nothing() -> None:
    assert not is_stored(0, 2)


def test_the_message_of_the_day_is_sent_once_and_in_time() -> None:
    assert not is_daily(at(11, 59), NOON, None)
    assert is_daily(at(12, 0), NOON, None)
    assert is_daily(at(12, 59), NOON, DAY - timedelta(days=1))
    assert not is_daily(at(12, 1), NOON, DAY)
    assert not is_daily(at(13, 1), NOON, None)
    assert not is_daily(None, NOON, None)


def test_a_ring_that_passes_every_leg_came_through() -> None:
    test = SelfTest.begun(10.0)
    for n, leg in enumerate(LEGS):
        assert not test.is_over
        test.passed(leg, 10.5 + n)
    assert test.is_over
    assert test.came_through
    assert set(test.outcomes().values()) == {"success"}
    assert test.legs["delivered"] == pytest.approx(2.5)


def test_what_a_failure_kept_from_being_walked_failed_as_well() -> None:
    test = SelfTest.begun(0.0)
    test.passed("accepted", 0.1)
    test.failed("recognition took too long")
    test.passed("delivered", 0.2)
    assert test.outcomes() == {
        "accepted": "success",
        "decided": "failure",
        "delivered": "failure",
    }
    assert not test.came_through


def test_only_the_first_cause_counts() -> None:
    test = SelfTest.begun(0.0)
    test.failed("the camera gave no picture")
    test.failed("it took too long")
    assert test.failure == "the camera gave no picture"


@given(
    events=st.lists(
        st.one_of(
            st.tuples(st.just("pass"), LEG),
            st.just(("fail", "")),
            st.just(("yield", "")),
        ),
        max_size=8,
    )
)
def test_a_ring_that_gave_way_never_counts_as_failed(
    events: list[tuple[str, str]],
) -> None:
    # Kills: a failure after the visitor's ring counted; an outcome that is both.
    test = SelfTest.begun(0.0)
    for what, leg in events:
        match what:
            case "pass":
                test.passed(leg, 1.0)  # type: ignore[arg-type] # one of LEGS
            case "fail":
                test.failed("x")
            case _:
                test.yields()
    outcomes = set(test.outcomes().values())
    assert not {"failure", "yielded"} <= outcomes
    if test.yielded:
        assert not test.failure
        assert not test.came_through or not outcomes & {"failure", "yielded"}


def test_the_drawn_face_that_is_shipped_is_the_one_that_is_drawn() -> None:
    shipped = np.frombuffer(drawn_pixels(), np.uint8).reshape(*SIZE, 3)
    # Rounding differs by one between versions of numpy.
    assert np.abs(shipped.astype(int) - drawn_face()).max() <= 1
