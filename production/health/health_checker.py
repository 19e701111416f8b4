"""The health of the doorbell, seen from outside: by HTTP, systemd and the slots.

It imports nothing of the daemon and reports unhealthy when nothing answers, so that it
can be believed when the daemon is broken.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitoring.health.report import CheckResult, assemble, result
from monitoring.health.verdict import Status, Verdict, Weight
from production.deployment.paths import Paths
from production.deployment.slots import SLOTS
from production.deployment.state_file import StateFile
from production.deployment.systemd import SystemdControl
from production.errors import DeployError
from production.health import rules
from production.health.asked import Asked, ask

if TYPE_CHECKING:
    from config.production.production_settings import ProductionSettings
    from production.deployment.slots import DeployState
    from production.deployment.systemd import Systemd

# There is a systemd to ask (sd_booted(3)).
BOOTED = Path("/run/systemd/system")
HOLDERS = ("doorbell-button.service", "doorbell-audit.service")


class HealthChecker:
    """Looks at one doorbell.

    Args:
        config: sections `[operations]` and `[deploy]`.
        systemd: the service manager; None for this machine's, if it has one.
    """

    def __init__(
        self, config: ProductionSettings, systemd: Systemd | None = None
    ) -> None:
        self._operations = config.operations
        deploy = config.deploy
        state_dir = Path(deploy.state_dir)
        self._paths = Paths(state_dir=state_dir, unit=deploy.unit)
        self._systemd = _own_systemd() if systemd is None else systemd

    def get_health_report(self) -> dict[str, Any]:
        """Look once.

        Returns:
            `overall_status` (`healthy`, `degraded` or `unhealthy`), `ready`, `score`,
            `at` (wall time, as this machine's clock has it), `checks` by name, and
            under `doorbell` what the daemon says of itself, empty if it is silent.
        """
        began_s = time.monotonic()
        asked = ask(self._operations)
        checks = {"daemon": _daemon(asked, began_s)}
        checks |= self._slots_and_units()
        report = assemble(checks, version="", uptime_s=0.0)
        return {
            "overall_status": str(report.status),
            "ready": report.ready,
            "score": report.score,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "checks": {name: asdict(check) for name, check in checks.items()},
            "doorbell": asked.report,
        }

    def _slots_and_units(self) -> dict[str, CheckResult]:
        began_s = time.monotonic()
        checks: dict[str, CheckResult] = {}
        state: DeployState | None = None
        try:
            state = StateFile(self._paths.state_dir).read()
        except DeployError as error:
            verdict = Verdict(Status.DEGRADED, str(error), error.hint)
            checks["slots"] = _checked(verdict, Weight.MINOR, began_s)
        if state is not None:
            checks["slots"] = _checked(rules.slots(state), Weight.MINOR, began_s)
        if self._systemd is not None:
            began_s = time.monotonic()
            verdict = self._units(self._systemd, state)
            checks["units"] = _checked(verdict, Weight.MAJOR, began_s)
        return checks

    def _units(self, systemd: Systemd, state: DeployState | None) -> Verdict:
        needed = self._paths.unit_of(state.active) if state and state.active else ""
        names = [*(self._paths.unit_of(slot) for slot in SLOTS), *HOLDERS]
        try:
            states = {name: systemd.show(name) for name in names}
        except DeployError as error:
            return Verdict(Status.DEGRADED, str(error), error.hint)
        return rules.units(states, needed)


def _daemon(asked: Asked, began_s: float) -> CheckResult:
    """The daemon as a whole, with the score of its own worst check."""
    check = _checked(asked.verdict, Weight.VITAL, began_s)
    own = asked.report.get("score")
    return replace(check, score=float(own)) if isinstance(own, int | float) else check


def _checked(verdict: Verdict, weight: Weight, began_s: float) -> CheckResult:
    return result(
        verdict,
        weight=weight,
        # The daemon decides whether a visitor would be served; the rest is about it.
        gates_ready=weight is Weight.VITAL,
        latency_ms=(time.monotonic() - began_s) * 1000,
        since=None,
        for_s=0.0,
    )


def _own_systemd() -> Systemd | None:
    is_there = BOOTED.is_dir() and shutil.which("systemctl") is not None
    return SystemdControl() if is_there else None
