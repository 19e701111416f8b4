"""Which slot runs, and where a deployment stands: a pure state machine.

    STAGING → STAGED → STANDBY → TRIAL(tries) → COMMITTED | ROLLED_BACK

with DISCARDED for what ended before it ever ran the door. Nothing here knows of
files, processes or clocks: each rule takes the state and returns the next one, and
the shell makes that durable *before* it acts on it. Only the standard library is
imported, since the guard must work where everything else is broken.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from production.errors import DeployError

SLOTS = ("blue", "green")


class Phase(StrEnum):
    """Where a deployment stands."""

    STAGING = "staging"
    STAGED = "staged"
    STANDBY = "standby"
    TRIAL = "trial"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"
    DISCARDED = "discarded"


FINAL = frozenset({Phase.COMMITTED, Phase.ROLLED_BACK, Phase.DISCARDED})


class Role(StrEnum):
    """What a slot that starts is to be."""

    ACTIVE = "active"
    STANDBY = "standby"
    NOTHING = "nothing"


class IllegalStepError(DeployError):
    """The deployment does not stand where this step begins."""

    exit_code = 69
    hint = "`doorbell-deploy status` shows where it stands."


@dataclass(frozen=True, slots=True)
class Deployment:
    """One release on its way to run the door.

    Attributes:
        number: counts deployments, from 1.
        slot: where the release goes.
        previous: the slot that ran before; empty at the first installation.
        tries: starts that the trial has left.
        boot: the boot in which it came to stand by: a standby does not outlive it.
        warm: both slots are loaded at once.
        floor: no version below this one once it is committed.
        baseline_ms: median of the old release's rings; None if not measured.
        began, ended: wall time, ISO 8601.
        took_s: from begin to end.
        reason: why it ended as it did.
        measured: figures of the trial, for people.
        is_return: to a release that ran before, at the owner's word.
    """

    number: int
    version: str
    slot: str
    previous: str
    who: str
    why: str
    began: str
    phase: Phase = Phase.STAGING
    tries: int = 0
    boot: str = ""
    warm: bool = False
    floor: str = ""
    baseline_ms: float | None = None
    baseline_bytes: int | None = None
    ended: str = ""
    took_s: float | None = None
    reason: str = ""
    measured: dict[str, float] = field(default_factory=dict)
    is_return: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.phase not in FINAL


@dataclass(frozen=True, slots=True)
class DeployState:
    """All that the deployer knows, as it stands in `deploy.json`.

    Attributes:
        active: the slot that runs the door; empty before the first installation.
        versions: what is installed in which slot; a slot without whole content is
            not named.
        floor: no version below this one is installed.
        deployment: the one under way.
        history: those that ended, newest last.
    """

    active: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    floor: str = ""
    deployment: Deployment | None = None
    history: tuple[Deployment, ...] = ()

    @property
    def on_trial(self) -> Deployment | None:
        """The deployment under trial, if any."""
        current = self.deployment
        return current if current and current.phase is Phase.TRIAL else None


def other(slot: str) -> str:
    """Return the slot that is not this one."""
    return SLOTS[1 - SLOTS.index(slot)] if slot in SLOTS else SLOTS[0]


def begin(  # noqa: PLR0913 - what the history will say
    state: DeployState, version: str, *, who: str, why: str, began: str, boot: str
) -> DeployState:
    """Start to write a release into the slot that does not run.

    Raises:
        IllegalStepError: a deployment is under way.
    """
    _refuse_second(state)
    slot = other(state.active)
    deployment = Deployment(
        number=_next_number(state),
        version=version,
        slot=slot,
        previous=state.active,
        who=who,
        why=why,
        began=began,
        boot=boot,
    )
    # From here on the slot's old content is not to be trusted.
    versions = {name: v for name, v in state.versions.items() if name != slot}
    return replace(state, versions=versions, deployment=deployment)


def begin_return(
    state: DeployState, *, who: str, why: str, began: str, boot: str
) -> DeployState:
    """Take up the release that still lies in the other slot.

    Raises:
        IllegalStepError: a deployment is under way, or the slot holds nothing whole.
    """
    _refuse_second(state)
    slot = other(state.active)
    if not state.active or slot not in state.versions:
        msg = "there is no release to go back to"
        raise IllegalStepError(msg)
    deployment = Deployment(
        number=_next_number(state),
        version=state.versions[slot],
        slot=slot,
        previous=state.active,
        who=who,
        why=why,
        began=began,
        boot=boot,
        phase=Phase.STAGED,
        is_return=True,
    )
    return replace(state, deployment=deployment)


def staged(state: DeployState, *, floor: str) -> DeployState:
    """The slot's content is whole, checked and synced."""
    current = _at(state, Phase.STAGING)
    versions = {**state.versions, current.slot: current.version}
    current = replace(current, phase=Phase.STAGED, floor=floor)
    return replace(state, versions=versions, deployment=current)


def standing_by(state: DeployState, *, warm: bool) -> DeployState:
    """The slot may start beside the one that runs, without hardware."""
    current = _at(state, Phase.STAGED)
    current = replace(current, phase=Phase.STANDBY, warm=warm)
    return replace(state, deployment=current)


def switch(
    state: DeployState,
    *,
    tries: int,
    baseline_ms: float | None = None,
    baseline_bytes: int | None = None,
) -> DeployState:
    """The slot is to run the door from now on, on trial.

    The takeover of a warm slot is its first start, so it is counted here, before it
    happens; each later start is counted by the guard.
    """
    current = _at(state, Phase.STANDBY)
    current = replace(
        current,
        phase=Phase.TRIAL,
        tries=tries - 1 if current.warm else tries,
        baseline_ms=baseline_ms,
        baseline_bytes=baseline_bytes,
    )
    return replace(state, active=current.slot, deployment=current)


def noted(state: DeployState, figures: dict[str, float]) -> DeployState:
    """Keep figures of the trial for the history, if it goes on."""
    trial = state.on_trial
    if trial is None:
        return state
    trial = replace(trial, measured={**trial.measured, **figures})
    return replace(state, deployment=trial)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a deployment ended, for the history."""

    reason: str
    ended: str = ""
    took_s: float | None = None
    keep: int = 100
    measured: dict[str, float] = field(default_factory=dict)


def commit(state: DeployState, ending: Ending) -> DeployState:
    """The release has proved itself."""
    current = _at(state, Phase.TRIAL)
    closed = _closed(state, current, Phase.COMMITTED, ending)
    return replace(closed, floor=current.floor or state.floor)


def roll_back(state: DeployState, ending: Ending) -> DeployState:
    """The release failed its trial: the one before, if any, runs the door again."""
    current = _at(state, Phase.TRIAL)
    closed = _closed(state, current, Phase.ROLLED_BACK, ending)
    return replace(_forgotten(closed, current), active=current.previous)


def refuse(  # noqa: PLR0913 - what the history will say
    state: DeployState,
    version: str,
    ending: Ending,
    *,
    who: str,
    why: str,
    began: str,
) -> DeployState:
    """Record a release that was refused before anything was changed."""
    _refuse_second(state)
    asked = Deployment(
        number=_next_number(state),
        version=version,
        slot="",
        previous=state.active,
        who=who,
        why=why,
        began=began,
    )
    return _closed(state, asked, Phase.DISCARDED, ending)


def discard(state: DeployState, ending: Ending) -> DeployState:
    """Give up a deployment that never ran the door."""
    current = _at(state, Phase.STAGING, Phase.STAGED, Phase.STANDBY)
    closed = _closed(state, current, Phase.DISCARDED, ending)
    return closed if current.is_return else _forgotten(closed, current)


def _forgotten(state: DeployState, failed: Deployment) -> DeployState:
    """Nobody may go back to a release that failed."""
    versions = {k: v for k, v in state.versions.items() if k != failed.slot}
    return replace(state, versions=versions)


def recover(state: DeployState, ending: Ending) -> DeployState:
    """Whoever deployed is gone, by a kill or a power cut: what holds now.

    A trial goes on, with the tries it has left; anything before it is given up and
    the old slot stays.
    """
    current = state.deployment
    if current is None or not current.is_open or current.phase is Phase.TRIAL:
        return state
    return discard(state, ending)


@dataclass(frozen=True, slots=True)
class Start:
    """What the guard says to a slot that is about to start.

    Attributes:
        role: what it is to be.
        state: to be made durable before the slot's code starts.
        wake: a slot that is to be started in its place; empty for none.
    """

    role: Role
    state: DeployState
    wake: str = ""


def decide_start(state: DeployState, slot: str, boot: str, ending: Ending) -> Start:
    """Say whether a slot may start, and count it if it is on trial.

    Args:
        state: as it is on disk.
        slot: the one that is about to start.
        boot: id of this boot.
        ending: for a trial that has no tries left.
    """
    current = state.deployment
    if current is not None and current.phase is Phase.TRIAL:
        return _start_in_trial(state, current, slot, boot, ending)
    is_standby = (
        current is not None
        and current.phase is Phase.STANDBY
        and (current.slot, current.warm, current.boot) == (slot, True, boot)
    )
    if is_standby:
        return Start(Role.STANDBY, state)
    role = Role.ACTIVE if slot == state.active else Role.NOTHING
    return Start(role, state)


def _start_in_trial(
    state: DeployState, current: Deployment, slot: str, boot: str, ending: Ending
) -> Start:
    if slot == current.slot and current.tries > 0:
        counted = replace(current, tries=current.tries - 1)
        return Start(Role.ACTIVE, replace(state, deployment=counted))
    if slot == current.slot and current.previous:
        back = roll_back(state, ending)
        return Start(Role.NOTHING, back, wake=current.previous)
    if slot == current.slot:
        return Start(Role.ACTIVE, state)
    is_fallback = slot == current.previous and current.warm and current.boot == boot
    return Start(Role.STANDBY if is_fallback else Role.NOTHING, state)


def _refuse_second(state: DeployState) -> None:
    current = state.deployment
    if current is not None:
        msg = f"deployment {current.number} of {current.version} is {current.phase}"
        raise IllegalStepError(msg)


def _next_number(state: DeployState) -> int:
    return state.history[-1].number + 1 if state.history else 1


def _at(state: DeployState, *phases: Phase) -> Deployment:
    current = state.deployment
    if current is None or current.phase not in phases:
        stands = current.phase if current else "not under way"
        msg = f"the deployment is {stands}, not {' or '.join(phases)}"
        raise IllegalStepError(msg)
    return current


def _closed(
    state: DeployState, current: Deployment, phase: Phase, ending: Ending
) -> DeployState:
    done = replace(
        current,
        phase=phase,
        reason=ending.reason,
        ended=ending.ended,
        took_s=ending.took_s,
        measured={**current.measured, **ending.measured},
    )
    history = (*state.history, done)[-ending.keep :]
    return replace(state, deployment=None, history=history)
