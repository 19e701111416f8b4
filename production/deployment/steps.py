"""The steps of a deployment: what each does, and how it is taken back.

Do and undo stand side by side. Each may be called again after it was cut off, so
whatever was interrupted is finished or taken back by calling it once more.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from production.deployment.backup import copy_database
from production.deployment.fetching import (
    fetch_release,
    refuse_below_floors,
    refuse_without_room,
)
from production.deployment.rollback_manager import RollbackManager, seconds_between
from production.deployment.slots import (
    DeployState,
    Ending,
    Phase,
    begin,
    begin_return,
    discard,
    noted,
    other,
    staged,
    standing_by,
    switch,
)
from production.deployment.switchboard import Switchboard
from production.deployment.versions import refuse_below
from production.errors import StepFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.production.production_settings import ProductionSettings
    from production.deployment.fetching import Wish
    from production.deployment.release import Release
    from production.deployment.rollback_manager import Measured
    from production.deployment.world import World

# Warm only with this much memory to spare for each byte the active slot takes.
WARM_FACTOR = 1.5


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        name: for people, as in "going on with NAME".
        tells: what it will do.
        undo: called with the reason why the deployment ends.
    """

    name: str
    tells: str
    do: Callable[[], None]
    undo: Callable[[str], None]


class Steps:
    """The steps of one deployment on one machine."""

    def __init__(self, config: ProductionSettings, world: World, wish: Wish) -> None:
        self._config = config
        self._deploy = config.deploy
        self._world = world
        self._wish = wish
        self._switchboard = Switchboard(world, config.deploy.start_s)
        self._judge = RollbackManager(config, world)
        self._release: Release | None = None
        self._began = world.now()
        self._measured: Measured | None = None

    def of_deployment(self) -> list[Step]:
        """All steps of a new release, up to its trial."""
        slot, version = other(self._state().active), self._wish.version
        return [
            Step(
                "record",
                f"note in the audit log that {self._world.who} deploys {version}",
                self.record,
                self.record_end,
            ),
            Step(
                "fetch",
                f"check {version} at {self._wish.source} and fetch it",
                self.fetch,
                self.forget_fetched,
            ),
            Step(
                "claim",
                f"note that slot {slot} is being written",
                self.claim,
                self.release_claim,
            ),
            Step(
                "build",
                f"make slot {slot} anew: venv, wheels by hash, first start",
                self.build,
                self.remove_built,
            ),
            Step(
                "keep",
                f"bring slot {slot} to disk and note that it is whole",
                self.keep,
                self.nothing,
            ),
            *self._of_switch(slot),
        ]

    def of_return(self) -> list[Step]:
        """All steps back to the release in the other slot."""
        slot = other(self._state().active)
        tells = f"note that the release in slot {slot} comes back"
        return [
            Step("claim", tells, self.claim_return, self.release_claim),
            *self._of_switch(slot),
        ]

    def _of_switch(self, slot: str) -> list[Step]:
        active = self._state().active or "nothing"
        return [
            Step(
                "back up",
                "copy state.db, should its tables change",
                self.back_up,
                self.nothing,
            ),
            Step(
                "stand by",
                f"let {slot} warm up beside {active}, if memory allows",
                self.stand_by,
                self.end_standby,
            ),
            Step(
                "measure",
                f"ring {active} {self._deploy.min_rings} times, to compare",
                self.measure,
                self.nothing,
            ),
            Step(
                "switch",
                f"hand the door from {active} to {slot}, {self._deploy.tries} tries",
                self.switch,
                self.switch_back,
            ),
        ]

    def record(self) -> None:
        """Put into the audit log what is about to be done.

        Raises:
            StepFailedError: it cannot be recorded, so it is not done.
        """
        source = {"source": self._wish.source[:200]} if self._wish.source else {}
        world, act = self._world, "release.deploy" if source else "release.return"
        version = self._wish.version or "before"
        world.record(act, world.actor, version, "begun", source)

    def record_end(self, reason: str) -> None:
        """Put into the audit log that it came to nothing."""
        version = self._wish.version or "before"
        ctx = {"reason": reason[:200]}
        self._world.record("release.ended", self._world.actor, version, "undone", ctx)

    def nothing(self, reason: str) -> None:
        """What has nothing to take back."""

    # Fetch.

    def fetch(self) -> None:
        """Check the release and bring it into a folder of ours.

        Raises:
            ReleaseRefusedError: it is not to be trusted, or below the floor.
            StepFailedError: it cannot be had, or not now.
        """
        refuse_below_floors(self._config, self._state().floor, self._wish.version)
        shutil.rmtree(self._fetched, ignore_errors=True)
        self._release = release = fetch_release(
            self._config, self._world, self._wish, self._fetched
        )
        refuse_below(release.floor, release.version)
        refuse_without_room(release, self._world.paths.root)

    def forget_fetched(self, reason: str) -> None:
        """Remove that folder."""
        del reason
        shutil.rmtree(self._fetched, ignore_errors=True)

    @property
    def _fetched(self) -> Path:
        return self._world.paths.state_dir / "fetched"

    # Claim.

    def claim(self) -> None:
        """Note on disk that the other slot is being written."""
        self._world.state.update(
            lambda state: begin(
                state,
                self._wish.version,
                who=self._world.who,
                why=self._wish.why,
                began=self._began,
                boot=self._world.boot,
            )
        )

    def claim_return(self) -> None:
        """Note on disk that the other slot's release is to come back."""
        before = self._state()
        version = before.versions.get(other(before.active))
        if version is not None:
            refuse_below_floors(self._config, before.floor, version)
        self._world.state.update(
            lambda state: begin_return(
                state,
                who=self._world.who,
                why=self._wish.why,
                began=self._began,
                boot=self._world.boot,
            )
        )

    def release_claim(self, reason: str) -> None:
        """Close the deployment in the history; after a switch it is closed already."""

        def close(state: DeployState) -> DeployState:
            current = state.deployment
            if current is None or current.phase is Phase.TRIAL:
                return state
            return discard(state, self.ending(reason))

        self._world.state.update(close)

    def ending(self, reason: str) -> Ending:
        """Return how this deployment ends now."""
        ended = self._world.now()
        took_s = seconds_between(self._began, ended)
        return Ending(reason, ended, took_s, self._deploy.keep)

    # Build.

    def build(self) -> None:
        """Fill the slot."""
        self._world.builder.build(self._fetched_release(), self._slot_folder())

    def remove_built(self, reason: str) -> None:
        """Empty the slot, unless it ran the door: then it can be looked at."""
        del reason
        current = self._state().deployment
        if current is not None and current.phase is not Phase.TRIAL:
            self._world.builder.remove(self._world.paths.slot(current.slot))

    def keep(self) -> None:
        """Bring the slot to disk, then say that it is whole: in this order."""
        release = self._fetched_release()
        self._world.builder.sync(self._slot_folder())
        self._world.state.update(lambda state: staged(state, floor=release.floor))

    def _fetched_release(self) -> Release:
        if self._release is None:
            msg = "nothing was fetched"
            raise StepFailedError(msg)
        return self._release

    # Back up, stand by, measure.

    def back_up(self) -> None:
        """Copy the daemon's database, the one copy of before the last deployment."""
        source = Path(self._config.storage.dir) / "state.db"
        copy_database(source, self._world.paths.state_dir / "backup" / "state.db")

    def stand_by(self) -> None:
        """Load the new release beside the old one, if memory allows."""
        state = self._state()
        warm = self._may_be_warm(state)
        state = self._world.state.update(lambda now: standing_by(now, warm=warm))
        if warm:
            self._world.systemd.start(self._unit(state), self._deploy.start_s)
        else:
            self._world.say("a cold switch: not enough memory for both slots")

    def end_standby(self, reason: str) -> None:
        """Stop it, unless it runs the door by now."""
        del reason
        state = self._state()
        if state.deployment is not None:
            self._switchboard.stop_unless(state, state.deployment.slot)

    def _may_be_warm(self, state: DeployState) -> bool:
        if not state.active or self._deploy.warm == "never":
            return False
        unit = self._world.systemd.show(self._world.paths.unit_of(state.active))
        if not unit.is_active:
            return False
        needed = WARM_FACTOR * (unit.memory_bytes or 0)
        return self._world.probes.available_bytes() > needed

    def measure(self) -> None:
        """Ring the release that runs."""
        active = self._state().active
        if not active:
            return
        unit = self._world.systemd.show(self._world.paths.unit_of(active))
        if unit.is_active:
            self._measured = self._judge.measure(active)

    # Switch.

    def switch(self) -> None:
        """Make it the active slot on disk, then at the door.

        Raises:
            StepFailedError: it does not come up.
        """
        measured = self._measured
        state = self._world.state.update(
            lambda now: switch(
                now,
                tries=self._deploy.tries,
                baseline_ms=measured.latency_ms if measured else None,
                baseline_bytes=measured.memory_bytes if measured else None,
            )
        )
        took_s = self._switchboard.settle(state)
        self._world.say(f"{state.active} runs the door, {took_s:.2f} s")
        # Without the warmth of a standby this is how long nobody was at the door.
        figures = {"switch_s": round(took_s, 3)}
        state = self._world.state.update(lambda now: noted(now, figures))
        self._switchboard.tend_other(state)

    def switch_back(self, reason: str) -> None:
        """Give the door back to the slot before."""
        if self._state().on_trial is not None:
            self._judge.roll_back(reason)
        else:
            # The guard ended the trial: what is on disk holds.
            self._switchboard.settle(self._state())

    # Where things are.

    def _state(self) -> DeployState:
        return self._world.state.read() or DeployState()

    def _unit(self, state: DeployState) -> str:
        slot = state.deployment.slot if state.deployment else state.active
        return self._world.paths.unit_of(slot)

    def _slot_folder(self) -> Path:
        current = self._state().deployment
        slot = current.slot if current else other(self._state().active)
        return self._world.paths.slot(slot)
