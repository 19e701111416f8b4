"""What a check says of the thing it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How something is, from best to worst."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class Weight(StrEnum):
    """How much of the doorbell goes with the thing that is checked."""

    VITAL = "vital"
    MAJOR = "major"
    MINOR = "minor"


# Share of the score that is lost when a thing of this weight is unhealthy.
SHARES = {Weight.VITAL: 1.0, Weight.MAJOR: 0.6, Weight.MINOR: 0.2}
# How bad a status is: degraded things still do their work.
BADNESS = {Status.HEALTHY: 0.0, Status.DEGRADED: 0.5, Status.UNHEALTHY: 1.0}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer.

    Attributes:
        detail: what was found, for people; no names, no secrets.
        hint: what it means and what helps; empty while it is healthy.
        repair: the command that mends or shows it; empty where there is none.
        latency_ms: how long the thing itself took to answer; None when nothing had to
            be waited for.
    """

    status: Status
    detail: str = ""
    hint: str = ""
    repair: str = ""
    latency_ms: float | None = None


def healthy(detail: str = "", latency_ms: float | None = None) -> Verdict:
    """Return the verdict that all is well."""
    return Verdict(Status.HEALTHY, detail, latency_ms=latency_ms)


def score(status: Status, weight: Weight) -> float:
    """Return how much of the doorbell is left with this thing so, 0..1."""
    return round(1.0 - SHARES[weight] * BADNESS[status], 3)
