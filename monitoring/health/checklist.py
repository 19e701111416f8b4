"""The list of checks: what is asked, how much it weighs, and since when it is so."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitoring.health.report import CheckResult, HealthReport, assemble, result
from monitoring.health.verdict import Status, Verdict, Weight

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("doorbell.health")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to ask.

    Attributes:
        name: in the report and in the docs.
        ask: answers at once, from facts that were gathered before: it is called while
            somebody waits for the report.
        gates_ready: whether the doorbell is not ready while this is unhealthy.
    """

    name: str
    ask: Callable[[], Verdict]
    weight: Weight = Weight.MINOR
    gates_ready: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant by both clocks.

    Attributes:
        mono_s: monotonic seconds.
        wall_s: seconds since 1970 UTC; None when the clock is not to be trusted.
    """

    mono_s: float
    wall_s: float | None


class Checklist:
    """The checks of one doorbell.

    Args:
        version: of the doorbell.
        began: when it started.
    """

    def __init__(self, version: str, began: Moment) -> None:
        self._version = version
        self._began = began
        self._checks: dict[str, Check] = {}
        self._since: dict[str, tuple[Status, Moment]] = {}
        # Checks that fail are asked again and again, and logged once.
        self._broken: set[str] = set()

    def register(self, check: Check) -> None:
        """Ask one more thing from now on.

        Raises:
            ValueError: a check of that name is there already.
        """
        if check.name in self._checks:
            msg = f"there is a check {check.name!r} already"
            raise ValueError(msg)
        self._checks[check.name] = check

    def report(self, now: Moment) -> HealthReport:
        """Ask everything and say what it amounts to."""
        checks = {name: self._asked(check, now) for name, check in self._checks.items()}
        return assemble(checks, self._version, now.mono_s - self._began.mono_s)

    def _asked(self, check: Check, now: Moment) -> CheckResult:
        began_ns = time.perf_counter_ns()
        verdict = self._answer(check)
        latency_ms = (time.perf_counter_ns() - began_ns) / 1e6
        status, since = self._since.get(check.name, (None, now))
        if status is not verdict.status:
            since = now
            self._since[check.name] = verdict.status, now
        return result(
            verdict,
            weight=check.weight,
            gates_ready=check.gates_ready,
            latency_ms=latency_ms,
            since=_iso(since.wall_s),
            for_s=now.mono_s - since.mono_s,
        )

    def _answer(self, check: Check) -> Verdict:
        try:
            verdict = check.ask()
        except Exception as error:  # a check that fails must not hide the others
            if check.name not in self._broken:
                log.exception("health_check_failed", extra={"check": check.name})
            self._broken.add(check.name)
            return Verdict(
                Status.UNHEALTHY,
                f"the check itself failed: {type(error).__name__}",
                "This is a bug of the check.",
            )
        self._broken.discard(check.name)
        return verdict


def _iso(wall_s: float | None) -> str | None:
    if wall_s is None:
        return None
    moment = datetime.fromtimestamp(wall_s, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
