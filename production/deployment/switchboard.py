"""Make the machine match `deploy.json`: the right slot at the door, the other as told.

Idempotent, so that it serves the switch, the way back, and whoever finds the machine
after a kill or a power cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from production.deployment.disk import KernelDisk, point_link
from production.deployment.slots import SLOTS, DeployState, other
from production.deployment.systemd import STOP_S
from production.errors import DeployError, StepFailedError

if TYPE_CHECKING:
    from production.deployment.world import World

_LOOK_S = 0.1


class Switchboard:
    """Starts, stops and hands over the two units.

    Args:
        start_s: a slot must be ready by then.
    """

    def __init__(self, world: World, start_s: float) -> None:
        self._world = world
        self._start_s = start_s

    def settle(self, state: DeployState, stop_s: float = STOP_S) -> float:
        """Bring the active slot to the door; returns how long that took, in seconds.

        Args:
            state: as it is on disk.
            stop_s: patience with the other slot, to tell the visit it has in hand.

        Raises:
            StepFailedError: the active slot does not come up.
        """
        began_s = self._world.monotonic_s()
        if not state.active:
            for slot in SLOTS:
                self._world.systemd.stop(self._unit(slot))
            return 0.0
        self.point_link(state.active)
        self._hand_over(state.active, stop_s)
        return self._world.monotonic_s() - began_s

    def _hand_over(self, slot: str, stop_s: float) -> None:
        systemd = self._world.systemd
        wanted, rest = self._unit(slot), self._unit(other(slot))
        if systemd.show(wanted).stands_by:
            # It waits for the other's lease, so the door changes hands in one step.
            systemd.take_over(wanted)
        if not systemd.show(rest).stands_by:
            systemd.stop(rest, stop_s)
        if not systemd.show(wanted).is_active:
            systemd.start(wanted, self._start_s)
        self._await_door(wanted)

    def _await_door(self, unit: str) -> None:
        deadline_s = self._world.monotonic_s() + self._start_s
        while True:
            seen = self._world.systemd.show(unit)
            if seen.is_active and not seen.stands_by:
                return
            if seen.stands_by:
                # It was still loading when the door was handed over.
                self._world.systemd.take_over(unit)
            if seen.active in ("failed", "inactive"):
                msg = f"{unit} ended: {seen.result}"
                raise StepFailedError(msg, hint=f"See `journalctl -u {unit}`.")
            if self._world.monotonic_s() > deadline_s:
                msg = f"{unit} did not take over in {self._start_s:.0f} s"
                raise StepFailedError(msg, hint=f"See `journalctl -u {unit}`.")
            self._world.sleep(_LOOK_S)

    def tend_other(self, state: DeployState) -> None:
        """Keep the slot before warm during a trial, else have it stopped."""
        if not state.active:
            return
        unit = self._unit(other(state.active))
        trial = state.on_trial
        is_warm = trial is not None and trial.warm and trial.boot == self._world.boot
        if not is_warm:
            if self._world.systemd.show(unit).active not in ("inactive", "failed"):
                self._world.systemd.stop(unit)
            return
        if self._world.systemd.show(unit).stands_by:
            return
        try:
            self._world.systemd.start(unit, self._start_s)
        except DeployError as error:
            # The way back is then cold, and still there.
            self._world.say(f"the old release does not stand by: {error}")

    def point_link(self, slot: str) -> None:
        """Let `current` point at the slot; it is a cache, so failure is only told."""
        try:
            point_link(KernelDisk(), f"slots/{slot}", str(self._world.paths.current))
        except OSError as error:
            self._world.say(f"{self._world.paths.current}: {error.strerror}")

    def stop_unless(self, state: DeployState, slot: str) -> None:
        """Stop a slot's unit, unless it runs the door."""
        if slot and slot != state.active:
            self._world.systemd.stop(self._unit(slot))

    def _unit(self, slot: str) -> str:
        return self._world.paths.unit_of(slot)
