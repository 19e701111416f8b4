"""The alert rules: the seven of the original design, and ours.

Each stands in `docs/reference/alerts.md` under its name, has a case in which it fires
and one in which it does not (`tests/counterparts/test_alert_rules.py`), and is
evaluated by Prometheus and on the device alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.alerts.expressions import Both, Grown, Latest, Over, Share, Total, Where
from monitoring.alerts.rule import Group, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0

# Below this many labelled faces a share of right decisions says nothing.
LABELLED_FACES = 30
# Of the synthetic rings, each of whose steps is an indicator of its own.
SLO = 0.999
# (long window, short window, how many times faster than the SLO allows): a fifth of a
# month's failures within six hours, a fiftieth within one (Google, The Site
# Reliability Workbook, chapter 5). With a ring a minute one failure is already 17 times
# too many in an hour, so that it takes three.
BURN_RATES = ((HOUR_S, 5 * MINUTE_S, 14.4), (6 * HOUR_S, 30 * MINUTE_S, 6.0))
FAILURES_TO_PAGE = 3
SYNTHETIC = "doorbell_synthetic_rings_total"

ORIGINAL = (
    Rule(
        "HighCpuUsage",
        "warning",
        Where(Latest("system_cpu_usage_percent"), ">", 80),
        2 * MINUTE_S,
        "The processor is more than 80 % busy",
        "See `doorbell health` for the process; a slower `camera.rate_fps` helps.",
        keep_s=MINUTE_S,
    ),
    Rule(
        "CriticalCpuUsage",
        "critical",
        Where(Latest("system_cpu_usage_percent"), ">", 95),
        MINUTE_S,
        "The processor is more than 95 % busy: answers come late",
        "See `doorbell health` for the process; a slower `camera.rate_fps` helps.",
        keep_s=MINUTE_S,
    ),
    Rule(
        "HighMemoryUsage",
        "warning",
        Where(
            Share(
                Latest("system_memory_usage_bytes"),
                Latest("doorbell_memory_total_bytes"),
            ),
            ">",
            0.85,
        ),
        3 * MINUTE_S,
        "More than 85 % of the memory is taken",
        "Stop what else runs on this device, or choose a smaller camera picture.",
        keep_s=MINUTE_S,
    ),
    Rule(
        "WorkerDown",
        "critical",
        Where(Latest("pipeline_worker_health"), "==", 0),
        30.0,
        "A process of the doorbell does not run",
        "`doorbell health` says why; a restart of the service gives it a new start.",
    ),
    Rule(
        "SecurityEvent",
        "critical",
        Where(Grown("security_events_total", 5 * MINUTE_S), ">", 0),
        0.0,
        "Something happened that concerns security",
        "Look for `security_event` in the log, and see the incident page.",
    ),
    Rule(
        "HighErrorRate",
        "warning",
        Where(Total(Grown("errors_total", MINUTE_S)), ">", 10),
        5 * MINUTE_S,
        "More than ten errors a minute",
        "The log names them: `journalctl -u 'doorbell@*' -p err`.",
        keep_s=MINUTE_S,
    ),
    Rule(
        "LowRecognitionAccuracy",
        "warning",
        Both(
            (
                Where(
                    Total(Latest("doorbell_recognition_accuracy_upper_ratio")),
                    "<",
                    0.85,
                ),
                Where(
                    Total(
                        Latest(
                            "doorbell_recognition_accuracy_samples",
                            {"basis": "labelled_visits"},
                        )
                    ),
                    ">=",
                    LABELLED_FACES,
                ),
            )
        ),
        10 * MINUTE_S,
        "Fewer than 85 % of the labelled visits were answered right",
        "`doorbell people list` shows whose photographs are few or alike.",
    ),
)

PIPELINE = (
    Rule(
        "SyntheticRingFails",
        "critical",
        Where(Latest("doorbell_synthetic_success_age_seconds"), ">", 10 * MINUTE_S),
        0.0,
        "No test ring came through for ten minutes",
        "Press the bell to see what it does; `doorbell health` says what is broken.",
    ),
    Rule(
        "OutboxStale",
        "warning",
        Where(Latest("doorbell_outbox_oldest_seconds"), ">", 5 * MINUTE_S),
        0.0,
        "A push has been waiting for more than five minutes",
        "`doorbell notify test` says what the target answers.",
    ),
    Rule(
        "CameraStale",
        "critical",
        Where(Latest("doorbell_camera_frame_age_seconds"), ">", 15),
        30.0,
        "The camera gives no picture",
        "`doorbell health` says what the camera says; check its cable.",
    ),
)

DEVICE = (
    Rule(
        "DiskFullSoon",
        "critical",
        Both(
            (
                Where(
                    Over(
                        "predict_linear",
                        "system_disk_usage_percent",
                        HOUR_S,
                        ahead_s=DAY_S,
                    ),
                    ">",
                    100,
                ),
                # One large file is no trend on an empty disk.
                Where(Latest("system_disk_usage_percent"), ">", 60),
            )
        ),
        15 * MINUTE_S,
        "The disk will be full within a day",
        "Look for what grows: `sudo du -xh / | sort -h | tail`.",
        keep_s=15 * MINUTE_S,
    ),
    Rule(
        "ClockNotSynchronised",
        "warning",
        Where(Latest("doorbell_clock_synchronised"), "==", 0),
        30 * MINUTE_S,
        "The clock is not synchronised: times of rings are unknown",
        "Check the network and `timedatectl`.",
    ),
    Rule(
        "UnderVoltage",
        "warning",
        Where(Latest("doorbell_under_voltage"), "==", 1),
        0.0,
        "The power supply is too weak",
        "Use the supply made for this Pi, and a short cable.",
        keep_s=10 * MINUTE_S,
    ),
    Rule(
        "UpdateRolledBack",
        "critical",
        Where(
            Grown("doorbell_updates_total", HOUR_S, {"result": "rolled_back"}), ">", 0
        ),
        0.0,
        "An update went back by itself",
        "`doorbell-deploy history` says why; the version before it runs.",
    ),
    Rule(
        "AuditLogShrank",
        "critical",
        Where(
            Over("max_over_time", "doorbell_audit_tree_size", HOUR_S),
            ">",
            Latest("doorbell_audit_tree_size"),
        ),
        0.0,
        "The audit log has fewer records than before",
        "Run `doorbell audit verify`, and see the incident page.",
    ),
    Rule(
        "DoorbellGone",
        "critical",
        None,
        MINUTE_S,
        "The doorbell itself does not answer",
        "Check its power and network; it cannot say it itself.",
        promql='up{job="doorbell"} == 0 or absent(up{job="doorbell"})',
    ),
)


def _burning(leg: str) -> Iterator[Rule]:
    for long_s, short_s, times in BURN_RATES:
        limit = round(times * (1 - SLO), 6)
        yield Rule(
            f"{leg.title()}BudgetBurns{round(long_s / HOUR_S)}h",
            "critical",
            Both(
                (
                    Where(_failing(leg, long_s), ">", limit),
                    Where(_failing(leg, short_s), ">", limit),
                    Where(_failures(leg, long_s), ">=", FAILURES_TO_PAGE - 0.5),
                )
            ),
            0.0,
            f"Too many test rings are not {leg}",
            "`doorbell health` says what is broken.",
            keep_s=5 * MINUTE_S,
        )


def _failures(leg: str, window_s: float) -> Total:
    labels = {"leg": leg, "outcome": "failure"}
    return Total(Over("increase", SYNTHETIC, window_s, labels), by="leg")


def _failing(leg: str, window_s: float) -> Share:
    whole = Total(Over("increase", SYNTHETIC, window_s, {"leg": leg}), by="leg")
    return Share(_failures(leg, window_s), whole)


OBJECTIVES = tuple(
    rule for leg in ("accepted", "decided", "delivered") for rule in _burning(leg)
)

GROUPS = (
    Group("doorbell", 15.0, ORIGINAL + PIPELINE + DEVICE),
    # Windows of hours, over rings that come once a minute: oftener would cost the
    # doorbell's own evaluator a processor's time for nothing.
    Group("doorbell-objectives", MINUTE_S, OBJECTIVES),
)
RULES = tuple(rule for group in GROUPS for rule in group.rules)
