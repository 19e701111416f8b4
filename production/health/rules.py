"""What is seen from outside the daemon, judged. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.health.verdict import Status, Verdict, healthy
from production.deployment.slots import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from production.deployment.slots import DeployState
    from production.deployment.systemd import UnitState


def units(states: Mapping[str, UnitState], needed: str) -> Verdict:
    """Judge the doorbell's units.

    Args:
        states: as the service manager sees them, by name.
        needed: the unit that runs the door; empty if nobody knows which that is.
    """
    failed = [name for name, state in states.items() if state.active == "failed"]
    if failed:
        why = ", ".join(f"{name} ({states[name].result})" for name in failed)
        repair = f"journalctl -u {failed[0]} -n 50"
        return Verdict(Status.UNHEALTHY, f"failed: {why}", "Its log says why.", repair)
    if needed and not states[needed].is_active:
        return Verdict(
            Status.UNHEALTHY,
            f"{needed} is {states[needed].active}",
            "The slot that runs the door is not running.",
            f"systemctl start {needed}",
        )
    running = [name for name, state in states.items() if state.is_active]
    if not running:
        return Verdict(
            Status.DEGRADED,
            "no unit of the doorbell runs",
            "It was started by hand, or not at all.",
            "systemctl list-units 'doorbell*'",
        )
    restarts = sum(state.restarts for state in states.values())
    again = f"; {restarts} restarts" if restarts else ""
    return healthy(f"running: {', '.join(running)}{again}")


def slots(state: DeployState) -> Verdict:
    """Judge where the deployments stand."""
    if not state.active:
        return Verdict(
            Status.DEGRADED,
            "no slot is active",
            "Nothing was ever installed to the end.",
            "doorbell-deploy status",
        )
    runs = f"{state.versions.get(state.active, 'an unknown version')} in {state.active}"
    if state.deployment is not None:
        return healthy(
            f"{runs}; {state.deployment.version} is in {state.deployment.phase}"
        )
    last = state.history[-1] if state.history else None
    if last is not None and last.phase is Phase.ROLLED_BACK:
        return Verdict(
            Status.DEGRADED,
            f"{runs}; {last.version} was taken back: {last.reason}",
            "The release before it runs on; the new one needs mending.",
            "doorbell-deploy history",
        )
    return healthy(runs)
