"""The report: every check's answer, and what they amount to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitoring.health.verdict import Status, Verdict, Weight, score

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check as reported.

    Attributes:
        latency_ms: how long it took to know this.
        since: when it became so, ISO 8601 in UTC; None if the clock was not to be
            trusted then.
        for_s: for how long it has been so.
        weight: how much of the doorbell goes with it, by name.
        score: what is left of the doorbell by this check alone, 0..1.
        gates_ready: the doorbell is not ready while this is unhealthy.
    """

    status: Status
    latency_ms: float
    since: str | None
    for_s: float
    detail: str
    hint: str
    repair: str
    weight: Weight
    score: float
    gates_ready: bool


@dataclass(frozen=True, slots=True)
class HealthReport:
    """How the doorbell is.

    Attributes:
        status: `unhealthy` while it is not ready, `degraded` while anything else is
            not as it should be.
        ready: every check that gates readiness is at least degraded.
        score: the worst check's, 0..1; never a mean, which would hide it.
        failing: names of the checks that gate readiness and are unhealthy.
    """

    status: Status
    ready: bool
    score: float
    version: str
    uptime_s: float
    failing: list[str] = field(default_factory=list)
    checks: dict[str, CheckResult] = field(default_factory=dict)


def result(  # noqa: PLR0913 - a verdict and all that stands beside it in the report
    verdict: Verdict,
    *,
    weight: Weight,
    gates_ready: bool,
    latency_ms: float,
    since: str | None,
    for_s: float,
) -> CheckResult:
    """Put a verdict into the form of the report."""
    took_ms = latency_ms if verdict.latency_ms is None else verdict.latency_ms
    return CheckResult(
        status=verdict.status,
        latency_ms=round(took_ms, 3),
        since=since,
        for_s=round(for_s, 1),
        detail=verdict.detail,
        hint=verdict.hint,
        repair=verdict.repair,
        weight=weight,
        score=score(verdict.status, weight),
        gates_ready=gates_ready,
    )


def assemble(
    checks: Mapping[str, CheckResult], version: str, uptime_s: float
) -> HealthReport:
    """Say what the checks amount to."""
    failing = [
        name
        for name, check in checks.items()
        if check.gates_ready and check.status is Status.UNHEALTHY
    ]
    ailing = any(check.status is not Status.HEALTHY for check in checks.values())
    status = Status.DEGRADED if ailing else Status.HEALTHY
    return HealthReport(
        status=Status.UNHEALTHY if failing else status,
        ready=not failing,
        score=min((check.score for check in checks.values()), default=1.0),
        version=version,
        uptime_s=round(uptime_s, 1),
        failing=failing,
        checks=dict(checks),
    )
