"""Is the release on trial good enough? A pure answer over what was observed.

The judge lives outside both slots and believes neither: a series of observations, the
old release's own figures and the owner's limits go in, a judgement comes out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Health = Literal["ready", "unready", "silent"]
# Fewer events than this say nothing about a share of 10 %.
LEAST_EVENTS = 10
# What a process may grow by without it meaning anything.
MEMORY_SLACK_BYTES = 64 << 20


class Verdict(StrEnum):
    """What is to become of the trial."""

    PENDING = "pending"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at the slot on trial.

    Attributes:
        at_s: monotonic seconds since the trial began.
        health: what `/health/ready` said; `silent` if it did not answer.
        restarts: of its unit since the trial began, as systemd counts.
        watchdog: systemd ended it because it hung.
        events, errors: counters of `/metrics`, since its process began.
        memory_bytes: of its unit; None if unknown.
        rang: a synthetic ring was made.
        latency_ms: from the ring to the decision; None if none was reached.
    """

    at_s: float
    health: Health
    restarts: int = 0
    watchdog: bool = False
    events: float = 0.0
    errors: float = 0.0
    memory_bytes: int | None = None
    rang: bool = False
    latency_ms: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The old release's figures; None where they were not measured.

    Attributes:
        rings_fail: the old release's rings were not answered either, as without a
            camera: then they say nothing about the new one.
    """

    latency_ms: float | None = None
    memory_bytes: int | None = None
    rings_fail: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What a release must keep to; the meaning is that of section `[deploy]`."""

    trial_s: float = 600.0
    trial_rings: int = 60
    min_rings: int = 30
    error_rate: float = 0.10
    latency_factor: float = 2.0
    memory_factor: float = 2.0
    restarts: int = 1
    grace_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer, why, and the figures behind it."""

    verdict: Verdict
    reason: str = ""
    figures: dict[str, float] = field(default_factory=dict)


def judge(limits: Limits, baseline: Baseline, seen: Sequence[Observation]) -> Judgement:
    """Judge a trial by everything that was seen of it so far."""
    if not seen:
        return Judgement(Verdict.PENDING)
    figures = figures_of(seen, judge_rings=not baseline.rings_fail)
    reason = _fault(limits, baseline, seen, figures)
    if reason:
        return Judgement(Verdict.BAD, reason, figures)
    if not _is_over(limits, seen, figures):
        return Judgement(Verdict.PENDING, "", figures)
    if figures["answered"] < limits.min_rings and not baseline.rings_fail:
        count = int(figures["answered"])
        reason = f"only {count} rings were answered, {limits.min_rings} are needed"
        return Judgement(Verdict.BAD, reason, figures)
    if seen[-1].health != "ready":
        return Judgement(Verdict.PENDING, "", figures)
    return Judgement(Verdict.GOOD, "it kept to every limit", figures)


def figures_of(
    seen: Sequence[Observation], *, judge_rings: bool = True
) -> dict[str, float]:
    """What the trial came to, in numbers for the history."""
    rings = [one for one in seen if one.rang]
    answers = [one.latency_ms for one in rings if one.latency_ms is not None]
    events, errors = _grown(seen)
    figures = {
        "rings": float(len(rings)),
        "answered": float(len(answers)),
        "events": events + len(rings) * judge_rings,
        "errors": errors + (len(rings) - len(answers)) * judge_rings,
        "restarts": float(max(one.restarts for one in seen)),
    }
    if answers:
        figures["latency_ms"] = round(median(answers), 3)
    memory = [one.memory_bytes for one in seen if one.memory_bytes is not None]
    if memory:
        figures["memory_bytes"] = float(median(memory))
    return figures


def _fault(
    limits: Limits,
    baseline: Baseline,
    seen: Sequence[Observation],
    figures: dict[str, float],
) -> str:
    last = seen[-1]
    if last.watchdog:
        return "it hung: the watchdog ended it"
    if last.restarts > limits.restarts:
        return f"it was restarted {last.restarts} times"
    unready_s = _unready_s(seen)
    if unready_s > limits.grace_s:
        detail = f" ({last.detail})" if last.detail else ""
        return f"it was {last.health} for {unready_s:.0f} s{detail}"
    return (
        _errors(limits, figures)
        or _memory(limits, baseline, figures)
        or _latency(limits, baseline, figures)
    )


def _unready_s(seen: Sequence[Observation]) -> float:
    """For how long it has not been ready, up to the last look."""
    since_s = 0.0
    for one in reversed(seen):
        if one.health == "ready":
            since_s = one.at_s
            break
    return seen[-1].at_s - since_s


def _grown(seen: Sequence[Observation]) -> tuple[float, float]:
    """Sum up two counters that begin at 0 again with each process."""
    events = errors = 0.0
    before = seen[0]
    for one in seen[1:]:
        if one.health == "silent":
            continue
        is_new = one.events < before.events
        events += one.events - (0.0 if is_new else before.events)
        errors += max(one.errors - (0.0 if is_new else before.errors), 0.0)
        before = one
    return events, errors


def _errors(limits: Limits, figures: dict[str, float]) -> str:
    events, errors = figures["events"], figures["errors"]
    if events < LEAST_EVENTS or errors / events <= limits.error_rate:
        return ""
    return f"{errors:.0f} of {events:.0f} events were errors"


def _memory(limits: Limits, baseline: Baseline, figures: dict[str, float]) -> str:
    before, now = baseline.memory_bytes, figures.get("memory_bytes")
    if before is None or now is None or figures["answered"] < limits.min_rings:
        return ""
    if now <= limits.memory_factor * before + MEMORY_SLACK_BYTES:
        return ""
    return f"it takes {now / 1e6:.0f} MB, the old one {before / 1e6:.0f} MB"


def _latency(limits: Limits, baseline: Baseline, figures: dict[str, float]) -> str:
    before, now = baseline.latency_ms, figures.get("latency_ms")
    if before is None or now is None or figures["answered"] < limits.min_rings:
        return ""
    if now <= limits.latency_factor * before:
        return ""
    return f"a ring took {now:.0f} ms, with the old release {before:.0f} ms"


def _is_over(
    limits: Limits, seen: Sequence[Observation], figures: dict[str, float]
) -> bool:
    if seen[-1].at_s >= limits.trial_s:
        return True
    return figures["answered"] >= max(limits.trial_rings, limits.min_rings)
