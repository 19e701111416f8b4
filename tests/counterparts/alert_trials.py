"""For each alert a story that brings it, and one that does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from promtool import Sample


HOUR_S = 3600.0
WORKER = {"worker_id": "vision", "worker_type": "vision"}
EVENT = {
    "event_type": "command_refused",
    "source": "control",
    "action_taken": "refused",
}
ERROR = {"component": "notify", "error_type": "other", "severity": "error"}
ENGINE = {"model_version": "dlib"}
MOUNT = {"mount_point": "/"}


@dataclass(frozen=True)
class Trial:
    """A story told in series, and the alert it must bring at its end, or must not.

    Attributes:
        series: metric, labels and the value at a time in seconds.
        brings: labels of the alerts at the end.
    """

    rule: str
    what: str
    series: Sequence[tuple[str, Mapping[str, str], Callable[[float], Sample]]]
    end_s: float
    brings: Sequence[Mapping[str, str]] = field(default_factory=list)


def fires(
    rule: str,
    what: str,
    end_s: float,
    *series: tuple[str, Mapping[str, str], Callable[[float], Sample]],
    brings: Mapping[str, str] | None = None,
) -> Trial:
    return Trial(rule, what, series, end_s, [brings or {}])


def is_quiet(
    rule: str,
    what: str,
    end_s: float,
    *series: tuple[str, Mapping[str, str], Callable[[float], Sample]],
) -> Trial:
    return Trial(rule, what, series, end_s)


def gauge(
    name: str, at: Callable[[float], Sample], **labels: str
) -> tuple[str, Mapping[str, str], Callable[[float], Sample]]:
    return name, labels, at


def rings(
    leg: str, failed: Callable[[float], float]
) -> list[tuple[str, Mapping[str, str], Callable[[float], Sample]]]:
    """One synthetic ring a minute, of which `failed(t)` failed until t."""
    name = "doorbell_synthetic_rings_total"
    return [
        (name, {"leg": leg, "outcome": "failure"}, failed),
        (
            name,
            {"leg": leg, "outcome": "success"},
            lambda t: float(t // 60) - failed(t),
        ),
    ]


def steps(*at_s: float) -> Callable[[float], float]:
    """Count how many of these times have passed."""
    return lambda t: float(sum(t >= one for one in at_s))


CPU, FRAME = "system_cpu_usage_percent", "doorbell_camera_frame_age_seconds"
LEGS = ("accepted", "decided", "delivered")
TRIALS = [
    fires("HighCpuUsage", "81 % for two minutes", 120, gauge(CPU, lambda _: 81)),
    is_quiet(
        "HighCpuUsage",
        "a pause after 105 s",
        210,
        gauge(CPU, lambda t: 70 if t == 105 else 81),
    ),
    fires("CriticalCpuUsage", "96 % for a minute", 60, gauge(CPU, lambda _: 96)),
    is_quiet("CriticalCpuUsage", "just 95 %", 600, gauge(CPU, lambda _: 95)),
    fires(
        "HighMemoryUsage",
        "86 % for three minutes",
        180,
        gauge("system_memory_usage_bytes", lambda _: 86),
        gauge("doorbell_memory_total_bytes", lambda _: 100),
    ),
    is_quiet(
        "HighMemoryUsage",
        "86 % for less",
        165,
        gauge("system_memory_usage_bytes", lambda _: 86),
        gauge("doorbell_memory_total_bytes", lambda _: 100),
    ),
    fires(
        "WorkerDown",
        "down for 30 s",
        60,
        gauge("pipeline_worker_health", lambda t: float(t < 30), **WORKER),
        brings=WORKER,
    ),
    is_quiet(
        "WorkerDown",
        "restarted within 15 s",
        60,
        gauge("pipeline_worker_health", lambda t: float(t != 30), **WORKER),
    ),
    fires(
        "SecurityEvent",
        "the first of its kind",
        315,
        gauge("security_events_total", lambda t: 1 if t >= 315 else None, **EVENT),
        brings=EVENT,
    ),
    is_quiet(
        "SecurityEvent",
        "one an hour ago",
        3600,
        gauge("security_events_total", lambda _: 1, **EVENT),
    ),
    fires(
        "HighErrorRate",
        "12 a minute for five minutes",
        420,
        gauge("errors_total", lambda t: t / 5, **ERROR),
    ),
    is_quiet(
        "HighErrorRate",
        "8 a minute",
        900,
        gauge("errors_total", lambda t: t / 7.5, **ERROR),
    ),
    fires(
        "LowRecognitionAccuracy",
        "30 labelled, at most 84 %",
        600,
        gauge("doorbell_recognition_accuracy_upper_ratio", lambda _: 0.84),
        gauge(
            "doorbell_recognition_accuracy_samples",
            lambda _: 30,
            basis="labelled_visits",
        ),
    ),
    is_quiet(
        "LowRecognitionAccuracy",
        "29 labelled",
        1200,
        gauge("doorbell_recognition_accuracy_upper_ratio", lambda _: 0.5),
        gauge(
            "doorbell_recognition_accuracy_samples",
            lambda _: 29,
            basis="labelled_visits",
        ),
    ),
    is_quiet(
        "LowRecognitionAccuracy",
        "the gallery's own figure",
        1200,
        gauge("doorbell_recognition_accuracy_upper_ratio", lambda _: 0.5),
        gauge("doorbell_recognition_accuracy_samples", lambda _: 300, basis="gallery"),
    ),
    fires(
        "SyntheticRingFails",
        "none for 11 minutes",
        660,
        gauge("doorbell_synthetic_success_age_seconds", lambda t: t),
    ),
    is_quiet(
        "SyntheticRingFails",
        "one nine minutes ago",
        1200,
        gauge("doorbell_synthetic_success_age_seconds", lambda t: t % 540),
    ),
    fires(
        "OutboxStale",
        "waits for six minutes",
        360,
        gauge("doorbell_outbox_oldest_seconds", lambda t: t),
    ),
    is_quiet(
        "OutboxStale",
        "waits for four",
        240,
        gauge("doorbell_outbox_oldest_seconds", lambda t: t),
    ),
    fires("CameraStale", "no frame for a minute", 60, gauge(FRAME, lambda t: t)),
    is_quiet("CameraStale", "a hiccup of 20 s", 60, gauge(FRAME, lambda t: t % 25)),
    fires(
        "DiskFullSoon",
        "from 70 % by 2 % an hour",
        5400,
        gauge("system_disk_usage_percent", lambda t: 70 + 2 * t / 3600, **MOUNT),
        brings=MOUNT,
    ),
    is_quiet(
        "DiskFullSoon",
        "as fast, but at 10 %",
        5400,
        gauge("system_disk_usage_percent", lambda t: 10 + 6 * t / 3600, **MOUNT),
    ),
    is_quiet(
        "DiskFullSoon",
        "full for long, and not growing",
        5400,
        gauge("system_disk_usage_percent", lambda _: 97, **MOUNT),
    ),
    fires(
        "ClockNotSynchronised",
        "for half an hour",
        1800,
        gauge("doorbell_clock_synchronised", lambda _: 0),
    ),
    is_quiet(
        "ClockNotSynchronised",
        "for the first 20 minutes after boot",
        1800,
        gauge("doorbell_clock_synchronised", lambda t: float(t >= 1200)),
    ),
    fires(
        "UnderVoltage",
        "once, five minutes ago",
        600,
        gauge("doorbell_under_voltage", lambda t: float(t == 300)),
    ),
    is_quiet(
        "UnderVoltage",
        "once, half an hour ago",
        2100,
        gauge("doorbell_under_voltage", lambda t: float(t == 300)),
    ),
    fires(
        "UpdateRolledBack",
        "the first",
        4500,
        gauge(
            "doorbell_updates_total",
            lambda t: 1 if t >= 4200 else None,
            result="rolled_back",
        ),
        brings={"result": "rolled_back"},
    ),
    is_quiet(
        "UpdateRolledBack",
        "one that stayed",
        4500,
        gauge(
            "doorbell_updates_total",
            lambda t: 1 if t >= 4200 else None,
            result="committed",
        ),
    ),
    fires(
        "AuditLogShrank",
        "a card of yesterday",
        900,
        gauge("doorbell_audit_tree_size", lambda t: 1000 + t if t < 600 else 500 + t),
    ),
    is_quiet(
        "AuditLogShrank",
        "it grows",
        900,
        gauge("doorbell_audit_tree_size", lambda t: 1000 + t),
    ),
    *[
        fires(
            f"{leg.title()}BudgetBurns1h",
            "the last three of an hour",
            HOUR_S + 300,
            *rings(leg, steps(3720, 3780, 3840)),
            brings={"leg": leg},
        )
        for leg in LEGS
    ],
    *[
        is_quiet(
            f"{leg.title()}BudgetBurns1h",
            "two of an hour",
            HOUR_S + 300,
            *rings(leg, steps(3780, 3840)),
        )
        for leg in LEGS
    ],
    *[
        fires(
            f"{leg.title()}BudgetBurns6h",
            "four in six hours, the last just now",
            6 * HOUR_S,
            *rings(leg, steps(5040, 10_020, 15_000, 21_000)),
            brings={"leg": leg},
        )
        for leg in LEGS
    ],
    *[
        is_quiet(
            f"{leg.title()}BudgetBurns6h",
            "four in six hours, long over",
            6 * HOUR_S,
            *rings(leg, steps(2040, 3000, 4020, 5040)),
        )
        for leg in LEGS
    ],
]
