"""Memory is given back after work, once, and not between two pieces of it."""

from __future__ import annotations

import math

from doorbell.stages.tidiness import AFTER_S, Tidiness


def test_memory_is_given_back_once_after_each_rest() -> None:
    times: list[str] = []
    tidiness = Tidiness(lambda: times.append("tidied"))
    assert tidiness.turn(10.0) == AFTER_S
    assert times == []
    assert tidiness.turn(10.0 + AFTER_S) == math.inf
    assert tidiness.turn(99.0) == math.inf
    assert times == ["tidied"]
    tidiness.used()
    tidiness.turn(100.0)
    tidiness.turn(100.0 + AFTER_S)
    assert len(times) == 2


def test_nothing_is_given_back_between_two_looks() -> None:
    times: list[str] = []
    tidiness = Tidiness(lambda: times.append("tidied"))
    for tenth in range(50):
        tidiness.used()
        tidiness.turn(tenth * AFTER_S / 10)
    assert times == []
