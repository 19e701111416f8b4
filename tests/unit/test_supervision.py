"""The restart rules, and the promises that hold for every history."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.supervision import Action, Event, RestartPolicy, State, Supervised


def started(at_s: float = 0.0) -> Supervised:
    """Return a worker that has just become ready."""
    worker = Supervised()
    assert worker.step(Event.TICK, at_s) is Action.SPAWN
    worker.step(Event.READY, at_s)
    return worker


def test_worker_that_stops_making_progress_is_killed() -> None:
    worker = started(at_s=0.0)
    assert worker.step(Event.TICK, 4.9) is Action.NOTHING
    assert worker.step(Event.TICK, 5.0) is Action.KILL


def test_config_error_is_never_retried() -> None:
    worker = started()
    assert worker.step(Event.CONFIG_ERROR, 1.0) is Action.GIVE_UP
    assert worker.step(Event.TICK, 1e9) is Action.NOTHING


@pytest.mark.parametrize(
    ("deaths", "delay_s"), [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0)]
)
def test_backoff_doubles_with_each_death(deaths: int, delay_s: float) -> None:
    worker, now_s = Supervised(), 0.0
    for _ in range(deaths):
        now_s = worker.deadline_s
        worker.step(Event.TICK, now_s)
        worker.step(Event.EXITED, now_s)
    assert worker.deadline_s - now_s == pytest.approx(delay_s)


def test_backoff_is_capped() -> None:
    worker = Supervised(RestartPolicy(budget=20, backoff_s=16.0, backoff_max_s=30.0))
    for now_s in (0.0, 16.0):
        worker.step(Event.TICK, now_s)
        worker.step(Event.EXITED, now_s)
    assert worker.deadline_s == pytest.approx(46.0)


def test_deaths_older_than_the_window_are_forgiven() -> None:
    worker = Supervised(RestartPolicy(budget=1, budget_window_s=60.0))
    for now_s in (0.0, 61.0, 122.0, 183.0):
        assert worker.step(Event.TICK, now_s) is Action.SPAWN
        assert worker.step(Event.EXITED, now_s) is Action.NOTHING


def test_one_death_over_the_budget_is_final() -> None:
    worker = Supervised(RestartPolicy(budget=2, backoff_s=0.0))
    for now_s in (0.0, 1.0):
        assert worker.step(Event.TICK, now_s) is Action.SPAWN
        assert worker.step(Event.EXITED, now_s) is Action.NOTHING
    assert worker.step(Event.TICK, 2.0) is Action.SPAWN
    assert worker.step(Event.EXITED, 2.0) is Action.GIVE_UP


@given(st.lists(st.floats(0.0, 40.0), min_size=20, max_size=60))
def test_a_crash_loop_stays_within_the_budget(gaps_s: list[float]) -> None:
    """Kills the mutant whose budget is off by one."""
    policy = RestartPolicy(budget=3, budget_window_s=60.0)
    worker, now_s, spawns_s = Supervised(policy), 0.0, []
    for gap_s in gaps_s:
        now_s += gap_s
        if worker.step(Event.TICK, now_s) is Action.SPAWN:
            spawns_s.append(now_s)
            worker.step(Event.EXITED, now_s)
    for first_s in spawns_s:
        close = [t for t in spawns_s if 0.0 <= t - first_s <= policy.budget_window_s]
        assert len(close) <= policy.budget + 1


@given(st.lists(st.sampled_from(Event), max_size=50))
def test_fatal_is_final(history: list[Event]) -> None:
    worker = Supervised(state=State.FATAL)
    for now_s, event in enumerate(history):
        assert worker.step(event, float(now_s)) is Action.NOTHING


def test_an_announced_silence_is_granted_and_no_more() -> None:
    worker = started(at_s=0.0)
    worker.step(Event.PROGRESS, 1.0, within_s=30.0)
    assert worker.step(Event.TICK, 30.9) is Action.NOTHING
    assert worker.step(Event.TICK, 31.0) is Action.KILL


def test_beats_do_not_prolong_a_start() -> None:
    worker = Supervised(RestartPolicy(start_timeout_s=10.0))
    worker.step(Event.TICK, 0.0)
    worker.step(Event.PROGRESS, 9.0, within_s=60.0)
    assert worker.step(Event.TICK, 10.0) is Action.KILL


def test_a_pardoned_worker_starts_again() -> None:
    worker = Supervised(state=State.FATAL)
    worker.pardon()
    assert worker.step(Event.TICK, 0.0) is Action.SPAWN


def test_a_killed_worker_is_not_killed_again_at_once() -> None:
    """The kernel needs a moment to end it; each word of it in the log is one hang."""
    worker = started(at_s=0.0)
    assert worker.step(Event.TICK, 5.0) is Action.KILL
    assert worker.step(Event.TICK, 5.02) is Action.NOTHING
    assert worker.step(Event.TICK, 6.1) is Action.KILL
    worker.step(Event.EXITED, 6.2)
    assert worker.state is State.BACKOFF
