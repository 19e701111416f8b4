"""How often, by whom, and how long ago: the pure rules of the web process."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.web.limits import (
    MAX_CLIENTS,
    S_PER_MINUTE,
    Allowance,
    Allowances,
    RecentClients,
)

gaps_s = st.lists(st.floats(0.0, 30.0), min_size=1, max_size=120)


def test_the_whole_allowance_may_be_used_at_once() -> None:
    allowance = Allowance(3)
    assert [allowance.wait_s(5.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert allowance.wait_s(5.0) == pytest.approx(20.0)


def test_after_the_wait_that_was_told_there_is_one_again() -> None:
    allowance = Allowance(2)
    for _ in range(2):
        allowance.wait_s(0.0)
    wait_s = allowance.wait_s(0.0)
    assert allowance.wait_s(wait_s - 0.1) > 0.0
    assert allowance.wait_s(wait_s + 0.1) == 0.0


@given(st.integers(1, 60), gaps_s)
def test_no_minute_holds_more_than_twice_the_allowance(
    per_minute: int, gaps_s: list[float]
) -> None:
    """Kills the mutant without the cap on what is saved up, and the one that does not
    take what it gives."""
    allowance, now_s = Allowance(per_minute), 1e6
    given_s = []
    for gap_s in gaps_s:
        now_s += gap_s
        while len(given_s) < 1000 and allowance.wait_s(now_s) == 0.0:
            given_s.append(now_s)
    for begin_s in given_s:
        within = [at for at in given_s if 0.0 <= at - begin_s < S_PER_MINUTE]
        assert len(within) <= 2 * per_minute + 1


def test_one_client_does_not_use_up_what_is_another_s() -> None:
    allowances = Allowances(1)
    assert allowances.wait_s("a", 0.0) == 0.0
    assert allowances.wait_s("a", 0.0) > 0.0
    assert allowances.wait_s("b", 0.0) == 0.0


@given(st.lists(st.integers(0, 2 * MAX_CLIENTS), max_size=1000))
def test_however_many_clients_come_memory_is_bounded(clients: list[int]) -> None:
    """Kills the mutant that never forgets a client."""
    allowances, recent = Allowances(5), RecentClients(1e9)
    for client in clients:
        allowances.wait_s(str(client), 0.0)
        recent.saw(str(client), 0.0)
    assert len(allowances._clients) <= MAX_CLIENTS
    assert recent.count(0.0) <= MAX_CLIENTS


def test_a_client_counts_once_and_only_for_a_while() -> None:
    recent = RecentClients(300.0)
    recent.saw("a", 0.0)
    recent.saw("a", 100.0)
    recent.saw("b", 50.0)
    assert recent.count(350.0) == 2
    assert recent.count(351.0) == 1
    assert recent.count(401.0) == 0
