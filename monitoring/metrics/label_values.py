"""The closed sets of label values: no person, no path, no token can be one."""

from __future__ import annotations

from monitoring.metrics.definition import Label

# What stands for everything that has no word of its own.
OTHER = "other"

WORKERS = (
    *("hub", "button", "notify", "capture", "vision"),
    *("vision-2", "vision-3", "vision-4"),
    *("web", "audit", "traces"),
)
# Loggers are named `doorbell.COMPONENT`.
COMPONENTS = (
    *WORKERS,
    "camera",
    "control",
    "daemon",
    "frames",
    "household",
    "ledger",
    "metrics",
    "operations",
    "outbox",
    "supervisor",
    "visits",
    "wiring",
    "worker",
    "health",
    "alerts",
    "synthetic",
    "security",
    "slow",
    "tracing",
    "apprise",
    "asyncio",
    "http",
    "log",
    "process",
    "witness",
    OTHER,
)
# Events that are logged as errors; what is not listed counts as `other`.
ERRORS = (
    "audit_failed",
    "audit_not_open",
    "audit_record_refused",
    "audit_records_lost",
    "audit_unwritable",
    "button_state",
    "camera_not_closed",
    "checkpoint_failed",
    "command_failed",
    "edges_forgotten",
    "edges_lost",
    "edges_not_kept",
    "gallery_unreadable",
    "health_check_failed",
    "http_port_refused",
    "journal_damaged",
    "metric_refused",
    "notification_dead",
    "onlooker_failed",
    "operations_failed",
    "operations_unavailable",
    "process_crashed",
    "push_crashed",
    "request_failed",
    "security_event",
    "sending_failed",
    "settings_refused",
    "spawn_failed",
    "storage_failed",
    "target_refused",
    "task_failed",
    "thread_crashed",
    "visit_task_failed",
    "witness_refused",
    "witness_unreachable",
    "worker_failed",
    "worker_given_up",
    OTHER,
)

worker_id = Label("worker_id", WORKERS)
worker_type = Label("worker_type", WORKERS)
component = Label("component", COMPONENTS)
error_type = Label("error_type", ERRORS)
severity = Label("severity", ("error", "critical"))

event_type = Label(
    "event_type", ("press", "ring", "joined", "captured", "told", "decided")
)
event_status = Label("status", ("success", "void", "undurable", "degraded"))
# What each takes: the write of a ring to the card; a transaction of state.db; from the
# edge to the picture; finding and comparing faces in one frame; one push.
stage = Label("stage", ("journal", "store", "capture", "detect", "embed", "deliver"))
queue_name = Label("queue_name", ("inbox", "ring_journal", "outbox"))

decision = Label("decision", ("known", "unsure", "unknown", "nobody", "degraded"))
result_type = Label("result_type", decision.values)
# How near the best face came: below the line of *unsure*, between the lines, above the
# line of *known*, and above it by more than the lines are apart.
confidence = Label("confidence_bucket", ("none", "low", "medium", "high", "very_high"))
model_version = Label("model_version", None, "the engines of `[vision] engine`")
basis = Label("basis", ("labelled_visits", "gallery"))
reason = Label(
    "reason",
    (
        "too_slow",
        "failed_twice",
        "switched_off",
        "no_engine",
        "no_camera",
        "camera_busy",
        "camera_black",
        "camera_frozen",
        "camera_off",
        "no_picture",
        "bad_picture",
        "old",
        "restarted",
        "not_stored",
        OTHER,
    ),
)

trigger_source = Label("trigger_source", ("gpio", "mock", "command", "http", "mqtt"))
time_of_day = Label(
    "time_of_day", ("night", "morning", "afternoon", "evening", "unknown")
)
channel = Label("channel", None, "the names of `[[notify.targets]]`")
notification_type = Label(
    "notification_type", ("ring", "name", "visit", "digest", "test", "alert")
)
push_status = Label("status", ("sent", "retry", "refused"))

mount_point = Label("mount_point", ("/", "state"))
estimate = Label("estimate", ("a", "b"))
leg = Label("leg", ("accepted", "decided", "delivered"))
outcome = Label("outcome", ("success", "failure", "yielded"))
version = Label("version", None, "the version that runs")
update_result = Label("result", ("committed", "rolled_back", "discarded"))
path = Label(
    "path",
    ("/metrics", "/health", "/health/live", "/health/ready", OTHER),
)
code = Label(
    "code", ("200", "400", "401", "403", "404", "405", "408", "431", "500", "503")
)

security_event = Label(
    "event_type",
    (
        "authentication_failed",
        "command_refused",
        "decoder_killed",
        "forged_request",
        "key_exposed",
        "message_malformed",
        "model_wrong",
        "audit_tampered",
        "audit_behind_witness",
        "audit_unavailable",
        OTHER,
    ),
)
security_source = Label(
    "source",
    (
        *WORKERS,
        "control",
        "operations",
        "models",
        "pictures",
        "storage",
        OTHER,
    ),
)
action_taken = Label("action_taken", ("refused", "logged", "stopped"))
span_outcome = Label("outcome", ("exported", "refused", "dropped"))
drop_reason = Label(
    "reason",
    (
        "unknown_name",
        "wrong_kind",
        "wrong_labels",
        "unknown_value",
        "bad_number",
        "too_many_series",
        "backlog",
    ),
)
