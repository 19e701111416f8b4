"""Deploy a release into the slot that does not run, switch, judge, or take it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from production.deployment.fetching import Wish, signed_source
from production.deployment.rollback_manager import RollbackManager
from production.deployment.slots import (
    DeployState,
    Ending,
    commit,
    recover,
    refuse,
)
from production.deployment.steps import Step, Steps
from production.deployment.switchboard import Switchboard
from production.deployment.timing import is_wanted, why_not_update
from production.deployment.world import usual_world
from production.errors import BusyError, DeployError, StepFailedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from config.production.production_settings import ProductionSettings
    from production.deployment.slots import Deployment
    from production.deployment.world import World

CUT_OFF = "the deployment was cut off"


class BlueGreenDeployer:
    """The deployer of one machine.

    Args:
        config: sections `[deploy]`, `[operations]`, `[storage]` and the profile.
        world: the machine; this one if None.

    Attributes:
        why: what the history will say of why it was done.
        trusts_unsigned: take releases without signature; refused outside the
            development profile.
    """

    def __init__(
        self,
        config: ProductionSettings,
        world: World | None = None,
        *,
        why: str = "by hand",
        trusts_unsigned: bool = False,
    ) -> None:
        self._config = config
        self._world = world or usual_world(config)
        self._judge = RollbackManager(config, self._world)
        self._switchboard = Switchboard(self._world, config.deploy.start_s)
        self.why = why
        self.trusts_unsigned = trusts_unsigned

    # Deploy and go back.

    def deploy(self, version: str, source_path: str | Path) -> bool:
        """Bring a release to the door and judge it; returns whether it stays.

        Args:
            version: as `1.2.3`.
            source_path: a TUF repository, as folder or address; unsigned, a folder
                of wheels with `release.json` and `requirements.txt`.

        Raises:
            BusyError: another deployment, or its trial, is under way.
            StateUnreadableError: `deploy.json` is damaged.
        """
        with self._world.state.deploying():
            self._refuse_in_trial()
            self._take_up()
            wish = Wish(version, str(source_path), self.why, self.trusts_unsigned)
            steps = Steps(self._config, self._world, wish)
            if not self._walk(steps, steps.of_deployment(), version):
                return False
            return self._prove()

    def rollback(self) -> bool:
        """Go back: end the trial, or bring back the release of the other slot.

        Raises:
            BusyError: a deployment is under way in another process.
            IllegalStepError: there is nothing to go back to.
        """
        state = self._state()
        if state.on_trial is not None:
            # Whoever judges it sees that it ended.
            self._judge.roll_back(f"at the word of {self._world.who}")
            return True
        with self._world.state.deploying():
            self._take_up()
            state = self._state()
            steps = Steps(self._config, self._world, Wish("", "", self.why))
            steps.record()
            steps.claim_return()
            version = state.versions.get(self._other_slot(state), "")
            if not self._walk(steps, steps.of_return()[1:], version):
                return False
            # It has proved itself before, so it need not again.
            self._commit("it ran before")
            return True

    def _other_slot(self, state: DeployState) -> str:
        return next((slot for slot in state.versions if slot != state.active), "")

    def plan(self, version: str, source_path: str | Path) -> list[str]:
        """Tell every step of a deployment, and change nothing."""
        wish = Wish(version, str(source_path), self.why, self.trusts_unsigned)
        steps = Steps(self._config, self._world, wish).of_deployment()
        return [*_told(steps), *self._told_trial()]

    def plan_rollback(self) -> list[str]:
        """Tell every step of going back, and change nothing."""
        trial = self._state().on_trial
        if trial is not None:
            return [f"hand the door back to {trial.previous}", f"stop {trial.slot}"]
        steps = Steps(self._config, self._world, Wish("", "", self.why))
        return _told(steps.of_return())

    def _told_trial(self) -> list[str]:
        deploy = self._config.deploy
        length = f"{deploy.trial_s:.0f} s or {deploy.trial_rings} rings"
        return [f"judge: {length}, then commit, or hand the door back"]

    def _walk(self, steps: Steps, walk: Sequence[Step], version: str) -> bool:
        done: list[Step] = []
        for step in walk:
            self._world.say(f"{step.name}: {step.tells}")
            done.append(step)
            try:
                step.do()
            except (DeployError, OSError) as error:
                self._take_back(steps, done, str(error), version)
                return False
        return True

    def _take_back(
        self, steps: Steps, done: list[Step], reason: str, version: str
    ) -> None:
        self._world.say(f"{done[-1].name} failed: {reason}")
        for step in reversed(done):
            try:
                step.undo(reason)
            except (DeployError, OSError) as error:
                # The rest is undone all the same; `tend` does what is left.
                self._world.say(f"taking back {step.name} failed: {error}")
        steps.release_claim(reason)
        if done[-1].name in ("record", "fetch"):
            self._record_refusal(steps, version, reason)

    def _record_refusal(self, steps: Steps, version: str, reason: str) -> None:
        began = self._world.now()
        self._world.state.update(
            lambda state: refuse(
                state,
                version,
                steps.ending(reason),
                who=self._world.who,
                why=self.why,
                began=began,
            )
        )

    def _prove(self) -> bool:
        trial = self._state().on_trial
        if trial is not None and not trial.previous:
            self._commit("the first release on this machine")
            return True
        return self._judge.watch()

    def _commit(self, reason: str) -> None:
        ended = self._world.now()
        ending = Ending(reason, ended, None, self._config.deploy.keep)
        state = self._world.state.update(lambda now: commit(now, ending))
        self._switchboard.tend_other(state)

    # After a kill, a power cut, and every now and then.

    def tend(self) -> str:
        """Finish or take back what was cut off, judge on, update if it is time.

        Returns:
            What was done, in a sentence.

        Raises:
            BusyError: a deployment is under way.
        """
        with self._world.state.deploying():
            if self._world.state.read() is None:
                return "nothing was deployed yet"
            self._take_up()
            if self._state().on_trial is not None:
                stays = self._judge.watch()
                return "the trial ended: it stays" if stays else "it went back"
        return self._update()

    def _take_up(self) -> None:
        before = self._world.state.read()
        if before is None:
            return
        ending = Ending(CUT_OFF, self._world.now(), None, self._config.deploy.keep)
        state = self._world.state.update(lambda now: recover(now, ending))
        if before.deployment is None and not self._is_down(state):
            # A kill right after the end of a trial leaves the other slot running.
            self._switchboard.tend_other(state)
            return
        try:
            self._switchboard.settle(state)
            self._switchboard.tend_other(state)
        except StepFailedError as error:
            if state.on_trial is not None:
                self._judge.roll_back(str(error))
            self._world.say(str(error))

    def _is_down(self, state: DeployState) -> bool:
        """Whether the active slot is down, and not by the owner's own word."""
        if not state.active:
            return False
        unit = self._world.systemd.show(self._world.paths.unit_of(state.active))
        stopped = unit.active == "inactive" and unit.result == "success"
        return unit.stands_by or not (unit.is_active or stopped)

    def _refuse_in_trial(self) -> None:
        trial = self._state().on_trial
        if trial is not None:
            msg = f"{trial.version} is on trial"
            raise BusyError(
                msg, hint="Wait for its end, or `doorbell-deploy rollback`."
            )

    def _update(self) -> str:
        source = self._config.deploy.source_url
        state = self._state()
        held = why_not_update(
            self._config.deploy, synchronised=self._world.is_synchronised()
        )
        if not source or held:
            return held or "no [deploy] source_url is set"
        latest = signed_source(self._config, self._world, source).latest()
        if not is_wanted(state, latest):
            return f"{latest} is offered, {state.versions.get(state.active)} runs"
        updater = BlueGreenDeployer(self._config, self._world, why="by the timer")
        return "updated" if updater.deploy(latest, source) else "the update failed"

    def _state(self) -> DeployState:
        return self._world.state.read() or DeployState()

    # What people ask.

    def status(self) -> DeployState:
        """Return what is installed and under way."""
        return self._state()

    def history(self) -> tuple[Deployment, ...]:
        """Return the deployments that ended, oldest first."""
        return self._state().history


def _told(steps: Sequence[Step]) -> list[str]:
    return [step.tells for step in steps]
