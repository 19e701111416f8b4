"""Two slots and one deployment at a time: the promises that hold for every history."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from production.deployment.slots import (
    SLOTS,
    DeployState,
    Ending,
    IllegalStepError,
    Phase,
    Role,
    begin,
    begin_return,
    commit,
    decide_start,
    discard,
    noted,
    other,
    recover,
    refuse,
    roll_back,
    staged,
    standing_by,
    switch,
)
from production.deployment.state_file import decode, encode
from production.errors import StateUnreadableError

BOOT = "boot-1"
END = Ending("as it happens", "2026-01-01T00:00:00+00:00")


def running(version: str = "1.0.0") -> DeployState:
    """A device whose blue slot runs."""
    return DeployState(active="blue", versions={"blue": version})


def begun(state: DeployState | None = None, version: str = "1.1.0") -> DeployState:
    before = running() if state is None else state
    return begin(before, version, who="anna", why="test", began="then", boot=BOOT)


def waiting(*, warm: bool = True) -> DeployState:
    return standing_by(staged(begun(), floor=""), warm=warm)


def on_trial(tries: int = 3, *, warm: bool = True) -> DeployState:
    return switch(waiting(warm=warm), tries=tries)


def starts(state: DeployState, slot: str, boot: str = BOOT) -> Role:
    return decide_start(state, slot, boot, END).role


def test_a_deployment_goes_into_the_other_slot_and_the_first_stays_active() -> None:
    state = waiting()
    assert state.active == "blue"
    assert state.deployment is not None
    assert state.deployment.slot == "green"
    assert state.versions == {"blue": "1.0.0", "green": "1.1.0"}


def test_a_slot_that_is_being_written_is_not_named_as_whole() -> None:
    full = replace(running(), versions={"blue": "1.0.0", "green": "0.9.0"})
    assert begun(full).versions == {"blue": "1.0.0"}


def test_a_second_deployment_is_refused() -> None:
    with pytest.raises(IllegalStepError):
        begun(begun())


def test_a_committed_release_stays_and_raises_the_floor() -> None:
    raised = standing_by(staged(begun(), floor="1.1.0"), warm=True)
    state = commit(switch(raised, tries=3), END)
    assert (state.active, state.floor, state.deployment) == ("green", "1.1.0", None)
    assert state.history[-1].phase is Phase.COMMITTED


def test_a_release_that_failed_its_trial_is_never_gone_back_to() -> None:
    state = roll_back(on_trial(), END)
    assert state.active == "blue"
    assert "green" not in state.versions
    with pytest.raises(IllegalStepError):
        begin_return(state, who="", why="", began="", boot=BOOT)


def test_the_release_before_can_be_brought_back_at_the_owners_word() -> None:
    state = commit(on_trial(), END)
    back = begin_return(state, who="anna", why="", began="", boot=BOOT)
    assert back.deployment is not None
    assert (back.deployment.slot, back.deployment.version) == ("blue", "1.0.0")
    given_up = discard(back, END)
    assert given_up.versions["blue"] == "1.0.0"


def test_a_refused_release_changes_nothing_but_the_history() -> None:
    state = refuse(running(), "0.1.0", END, who="anna", why="", began="")
    assert state == replace(running(), history=state.history)
    assert state.history[-1].reason == END.reason


# What starts.


def test_only_the_active_slot_starts() -> None:
    assert starts(running(), "blue") is Role.ACTIVE
    assert starts(running(), "green") is Role.NOTHING


def test_a_slot_stands_by_only_when_it_is_told_to_and_only_in_that_boot() -> None:
    assert starts(staged(begun(), floor=""), "green") is Role.NOTHING
    assert starts(waiting(), "green") is Role.STANDBY
    assert starts(waiting(), "green", "boot-2") is Role.NOTHING
    assert starts(waiting(warm=False), "green") is Role.NOTHING


def test_the_slot_before_stands_by_through_a_warm_trial() -> None:
    assert starts(on_trial(), "blue") is Role.STANDBY
    assert starts(on_trial(), "blue", "boot-2") is Role.NOTHING
    assert starts(on_trial(warm=False), "blue") is Role.NOTHING


def test_each_start_of_a_trial_is_counted_and_the_last_one_goes_back() -> None:
    state = on_trial(3, warm=False)
    for left in (2, 1, 0):
        start = decide_start(state, "green", BOOT, END)
        assert start.role is Role.ACTIVE
        assert start.state.on_trial is not None
        assert start.state.on_trial.tries == left
        state = start.state
    start = decide_start(state, "green", BOOT, END)
    assert (start.role, start.wake, start.state.active) == (
        Role.NOTHING,
        "blue",
        "blue",
    )


def test_taking_over_warm_is_the_first_start() -> None:
    trial = on_trial(3, warm=True).on_trial
    assert trial is not None
    assert trial.tries == 2


def test_a_first_release_has_nothing_to_go_back_to_and_keeps_starting() -> None:
    first = begun(DeployState())
    state = switch(standing_by(staged(first, floor=""), warm=False), tries=1)
    for _ in range(5):
        start = decide_start(state, "blue", BOOT, END)
        assert start.role is Role.ACTIVE
        state = start.state


# After a power cut.


@pytest.mark.parametrize("state", [begun(), staged(begun(), floor=""), waiting()])
def test_before_the_switch_a_power_cut_leaves_the_old_slot(state: DeployState) -> None:
    after = recover(state, END)
    assert (after.active, after.deployment) == ("blue", None)
    assert after.history[-1].phase is Phase.DISCARDED
    assert after.versions == {"blue": "1.0.0"}


def test_a_trial_survives_a_power_cut_with_the_tries_it_has_left() -> None:
    assert recover(on_trial(2), END) == on_trial(2)


def test_recovering_twice_is_recovering_once() -> None:
    after = recover(waiting(), END)
    assert recover(after, END) == after


# Every history.

STEPS = {
    "begin": lambda state: begun(state, "2.0.0"),
    "return": lambda state: begin_return(state, who="", why="", began="", boot=BOOT),
    "staged": lambda state: staged(state, floor=""),
    "warm": lambda state: standing_by(state, warm=True),
    "cold": lambda state: standing_by(state, warm=False),
    "switch": lambda state: switch(state, tries=3),
    "noted": lambda state: noted(state, {"switch_s": 0.5}),
    "commit": lambda state: commit(state, END),
    "roll_back": lambda state: roll_back(state, END),
    "discard": lambda state: discard(state, END),
    "recover": lambda state: recover(state, END),
    "start blue": lambda state: decide_start(state, "blue", BOOT, END).state,
    "start green": lambda state: decide_start(state, "green", BOOT, END).state,
    "boot": lambda state: decide_start(state, state.active, "boot-2", END).state,
}


def lived(steps: list[str]) -> list[DeployState]:
    states = [running()]
    for name in steps:
        try:
            states.append(STEPS[name](states[-1]))
        except IllegalStepError:
            continue
    return states


histories = st.lists(st.sampled_from(sorted(STEPS)), max_size=40).map(lived)


@given(histories)
def test_the_active_slot_is_always_whole(states: list[DeployState]) -> None:
    """Kills: `begin` writes into the active slot; `discard` forgets the wrong one."""
    for state in states:
        assert state.active in state.versions


@given(histories)
def test_exactly_one_slot_may_run_the_door(states: list[DeployState]) -> None:
    """Kills: in a trial the old slot may still start as active."""
    for state in states:
        roles = [starts(state, slot) for slot in SLOTS]
        awake = decide_start(state, state.active, BOOT, END).wake
        assert roles.count(Role.ACTIVE) == (0 if awake else 1)
        assert not awake or awake == other(state.active)


@given(histories)
def test_a_trial_starts_at_most_three_times(states: list[DeployState]) -> None:
    """Kills: the guard does not count; a warm takeover is not counted."""
    for before, after in itertools.pairwise(states):
        if before.on_trial and after.on_trial:
            counted = before.on_trial.tries - after.on_trial.tries
            assert counted in (0, 1)
            assert after.on_trial.tries >= 0


@given(histories)
def test_what_was_committed_is_left_only_by_a_later_deployment(
    states: list[DeployState],
) -> None:
    """Kills: `recover` takes back a commit."""
    for before, after in itertools.pairwise(states):
        if before.deployment is None and after.deployment is None:
            assert after.active == before.active


@given(histories)
def test_numbers_grow_and_what_ended_stays_as_it_was(
    states: list[DeployState],
) -> None:
    for before, after in itertools.pairwise(states):
        assert after.history[: len(before.history)] == before.history
    numbers = [one.number for one in states[-1].history]
    assert numbers == sorted(set(numbers))


@given(histories)
def test_the_file_says_what_the_state_is(states: list[DeployState]) -> None:
    for state in states:
        assert decode(encode(state)) == state


@given(st.binary(max_size=200))
def test_a_damaged_file_is_an_error_with_a_name(content: bytes) -> None:
    with pytest.raises(StateUnreadableError):
        decode(content)


@given(histories, st.integers(min_value=0))
def test_a_cut_file_is_an_error_with_a_name(
    states: list[DeployState], place: int
) -> None:
    content = encode(states[-1])
    with pytest.raises(StateUnreadableError):
        decode(content[: place % (len(content) - 1)])


def test_the_history_keeps_the_newest() -> None:
    state = running()
    for _ in range(7):
        state = discard(begun(state), replace(END, keep=3))
    assert [one.number for one in state.history] == [5, 6, 7]
