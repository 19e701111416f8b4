"""Judge a release on trial, and go back when it is bad.

The rules are `judge`'s; here is what looks, rings, waits and acts. All of it can be
taken up by another process after a reboot: what must survive is in `deploy.json`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from production.deployment.judge import (
    Baseline,
    Judgement,
    Limits,
    Observation,
    Verdict,
    judge,
)
from production.deployment.slots import (
    Deployment,
    DeployState,
    Ending,
    IllegalStepError,
    Phase,
    commit,
    roll_back,
)
from production.deployment.switchboard import Switchboard
from production.deployment.world import usual_world
from production.errors import StepFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.deploy import Deploy
    from config.production.production_settings import ProductionSettings
    from production.deployment.world import World

# Going back takes five seconds at most where the old slot is warm; a release that
# hangs at its end is not waited for. What it had in hand is in the journal.
BACK_S = 3.0
# How often the unit and its port are looked at between two rings.
LOOK_S = 2.0


@dataclass(frozen=True, slots=True)
class Measured:
    """The old release, before the switch: what the new one is held against."""

    latency_ms: float | None
    memory_bytes: int | None
    rings: int


def limits_of(deploy: Deploy) -> Limits:
    """Return the owner's limits for the judge."""
    return Limits(
        trial_s=deploy.trial_s,
        trial_rings=deploy.trial_rings,
        min_rings=deploy.min_rings,
        error_rate=deploy.error_rate,
        latency_factor=deploy.latency_factor,
        memory_factor=deploy.memory_factor,
        restarts=deploy.restarts,
        grace_s=deploy.grace_s,
    )


class RollbackManager:
    """The judge of a trial.

    Args:
        config: section `[deploy]` has the limits.
        world: the machine; this one if None.
    """

    def __init__(self, config: ProductionSettings, world: World | None = None) -> None:
        self._deploy = config.deploy
        self._world = world or usual_world(config)
        self._switchboard = Switchboard(self._world, config.deploy.start_s)

    def measure(self, slot: str) -> Measured:
        """Ring the release that runs, to know what the new one is held against."""
        answers: list[float] = []
        for _ in range(self._deploy.min_rings):
            began_s = self._world.monotonic_s()
            rung = self._world.probes.ring(slot)
            if rung.latency_ms is not None:
                answers.append(rung.latency_ms)
            elif not answers:
                # It does not answer at all: nothing to wait a minute for.
                self._world.say(f"the old release answers no ring: {rung.detail}")
                break
            self._pause(began_s + self._deploy.baseline_period_s)
        seen = self._world.systemd.show(self._world.paths.unit_of(slot))
        latency_ms = round(median(answers), 3) if answers else None
        return Measured(latency_ms, seen.memory_bytes, len(answers))

    def watch(self) -> bool:
        """Judge until the trial is over; true if the release stays.

        Raises:
            IllegalStepError: there is no trial.
        """
        trial = (self._world.state.read() or DeployState()).on_trial
        if trial is None:
            msg = "there is no trial to judge"
            raise IllegalStepError(msg)
        judgement = self._judge(trial)
        if judgement is None:
            # The guard was faster: out of tries.
            self._return_to_state()
            return False
        if judgement.verdict is Verdict.BAD:
            self.roll_back(judgement.reason, judgement.figures)
            return False
        return self._commit(trial, judgement)

    def _judge(self, trial: Deployment) -> Judgement | None:
        limits = limits_of(self._deploy)
        baseline = Baseline(
            trial.baseline_ms,
            trial.baseline_bytes,
            rings_fail=bool(trial.previous) and trial.baseline_ms is None,
        )
        watched = _Watched(self._world, trial.slot, self._deploy.ring_period_s)
        seen: list[Observation] = []
        while self._is_on(trial):
            seen.append(watched.observe())
            judgement = judge(limits, baseline, seen)
            if judgement.verdict is not Verdict.PENDING:
                return judgement
            self._world.sleep(watched.rest_s())
        return None

    def _is_on(self, trial: Deployment) -> bool:
        now = (self._world.state.read() or DeployState()).on_trial
        return now is not None and now.number == trial.number

    def _commit(self, trial: Deployment, judgement: Judgement) -> bool:
        state = self._end(commit, judgement.reason, judgement.figures)
        stays = state.active == trial.slot
        if stays:
            self._world.say(f"committed: {judgement.reason}")
            self._record(trial, "committed", judgement.reason)
            self._switchboard.tend_other(state)
            self._world.committed(self._world.paths.slot(trial.slot))
        else:
            self._return_to_state()
        return stays

    def roll_back(self, reason: str, figures: dict[str, float] | None = None) -> None:
        """Go back to the release before, at once; the guard may have done so before.

        Raises:
            StepFailedError: the old release does not come up either.
        """
        self._world.say(f"going back: {reason}")
        trial = (self._world.state.read() or DeployState()).on_trial
        self._end(roll_back, reason, figures or {})
        self._return_to_state()
        if trial is not None:
            self._record(trial, "rolled_back", reason)

    def _record(self, trial: Deployment, out: str, reason: str) -> None:
        """Tell the audit log; the door comes first, so it may have to do without."""
        try:
            self._world.record(
                "release.ended",
                self._world.actor,
                trial.version,
                out,
                {"reason": reason[:200]},
            )
        except StepFailedError as error:
            self._world.say(str(error))

    def _return_to_state(self) -> None:
        state = self._world.state.read() or DeployState()
        took_s = self._switchboard.settle(state, BACK_S)
        self._switchboard.tend_other(state)
        self._world.say(f"{state.active or 'nothing'} runs the door, {took_s:.1f} s")

    def _end(
        self,
        step: Callable[[DeployState, Ending], DeployState],
        reason: str,
        figures: dict[str, float],
    ) -> DeployState:
        ended = self._world.now()

        def close(state: DeployState) -> DeployState:
            current = state.on_trial
            if current is None:
                return state
            began = current.began
            ending = Ending(
                reason, ended, seconds_between(began, ended), self._deploy.keep, figures
            )
            return step(state, ending)

        return self._world.state.update(close)

    def _pause(self, until_s: float) -> None:
        rest_s = until_s - self._world.monotonic_s()
        if rest_s > 0:
            self._world.sleep(rest_s)

    def statistics(self) -> dict[str, object]:
        """Say how deployments went so far."""
        history = (self._world.state.read() or DeployState()).history
        ended = Counter(str(one.phase) for one in history)
        took = [one.took_s for one in history if one.took_s is not None]
        tried = ended[Phase.COMMITTED] + ended[Phase.ROLLED_BACK]
        return {
            "deployments": len(history),
            **{phase: ended[phase] for phase in _ENDS},
            "success_rate": ended[Phase.COMMITTED] / tried if tried else None,
            "median_took_s": median(took) if took else None,
            "reasons": dict(
                Counter(one.reason for one in history if one.phase in _FAILED)
            ),
        }


_ENDS = (str(Phase.COMMITTED), str(Phase.ROLLED_BACK), str(Phase.DISCARDED))
_FAILED = frozenset({Phase.ROLLED_BACK, Phase.DISCARDED})


class _Watched:
    """The slot on trial: looked at often, rung now and then."""

    def __init__(self, world: World, slot: str, period_s: float) -> None:
        self._world = world
        self._slot = slot
        self._unit = world.paths.unit_of(slot)
        self._period_s = period_s
        self._began_s = world.monotonic_s()
        self._ring_due_s = self._began_s
        self._restarts = world.systemd.show(self._unit).restarts

    def observe(self) -> Observation:
        """Look once, and ring if it is time."""
        now_s = self._world.monotonic_s()
        unit = self._world.systemd.show(self._unit)
        figures = self._world.probes.look()
        rang, latency_ms, detail = False, None, figures.detail
        if now_s >= self._ring_due_s and unit.is_active:
            self._ring_due_s = max(self._ring_due_s + self._period_s, now_s)
            rung = self._world.probes.ring(self._slot)
            rang, latency_ms = rung.counts, rung.latency_ms
        return Observation(
            at_s=now_s - self._began_s,
            health=figures.health if unit.is_active else "silent",
            restarts=max(unit.restarts - self._restarts, 0),
            watchdog=unit.result == "watchdog",
            events=figures.events,
            errors=figures.errors,
            memory_bytes=unit.memory_bytes,
            rang=rang,
            latency_ms=latency_ms,
            detail=detail if unit.is_active else f"its unit is {unit.active}",
        )

    def rest_s(self) -> float:
        """How long to wait before the next look."""
        until_ring_s = self._ring_due_s - self._world.monotonic_s()
        return min(max(until_ring_s, 0.05), LOOK_S)


def seconds_between(began: str, ended: str) -> float | None:
    """Length of a deployment by wall time; None if the clock was set meanwhile."""
    from datetime import datetime  # noqa: PLC0415 - only here

    try:
        took = datetime.fromisoformat(ended) - datetime.fromisoformat(began)
    except ValueError:
        return None
    seconds = took.total_seconds()
    return seconds if seconds >= 0 else None
