"""An alert that no target took is told later, once, and not for ever."""

from __future__ import annotations

import itertools

from doorbell.runtime.alarms import FIRST_WAIT_S, LONGEST_WAIT_S, OWED_S, Owed
from doorbell.stages.notify_messages import Notice


def notice(key: str, subject: str = "disk") -> Notice:
    return Notice(kind="alert", key=key, replaces=subject, at_s=None, text="Full")


def test_what_a_target_took_is_not_told_again() -> None:
    owed = Owed()
    owed.add("phone", notice("1"), 0.0)
    (message,) = owed.due(0.0)
    owed.took(message)
    assert owed.due(1e3) == []


def test_a_target_that_does_not_answer_is_asked_ever_more_rarely() -> None:
    owed = Owed()
    owed.add("phone", notice("1"), 0.0)
    now_s, asked = 0.0, []
    while message := next(iter(owed.due(now_s)), None):
        asked.append(now_s)
        owed.failed(message, now_s)
        now_s = message.next_s
    assert asked[:3] == [0.0, FIRST_WAIT_S, 3 * FIRST_WAIT_S]
    assert asked[-1] <= OWED_S
    assert max(b - a for a, b in itertools.pairwise(asked)) <= LONGEST_WAIT_S


def test_what_is_over_replaces_what_was_not_told_yet() -> None:
    owed = Owed()
    owed.add("phone", notice("began"), 0.0)
    (tried,) = owed.due(0.0)
    owed.add("phone", notice("over"), 1.0)
    # The answer to the older one comes late.
    owed.took(tried)
    assert [one.notice.key for one in owed.due(1.0)] == ["over"]


def test_each_target_is_owed_its_own() -> None:
    owed = Owed()
    owed.add("phone", notice("1"), 0.0)
    owed.add("tablet", notice("1"), 0.0)
    owed.took(owed.due(0.0)[0])
    assert [one.target for one in owed.due(0.0)] == ["tablet"]
