"""Every metric of the doorbell, declared once.

The first fifteen keep the names and labels of the original design; ours are called
`doorbell_<thing>_<unit>`. Code, Prometheus rules, dashboards and the reference in
`docs/reference/metrics.md` are checked against this list.
"""

from __future__ import annotations

from monitoring.metrics import label_values as by
from monitoring.metrics.definition import (
    counter,
    counter_from_zero,
    gauge,
    histogram,
)

# Seconds. A ring's path is to take less than one, a slow Pi some eight.
STAGE_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
DECISION_BUCKETS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
PUSH_BUCKETS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 60.0, 300.0)
SYNTHETIC_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

ORIGINAL = (
    counter(
        "pipeline_events_total",
        "Steps of visits; synthetic rings are not among them.",
        by.event_type,
        by.event_status,
    ),
    histogram(
        "pipeline_processing_duration_seconds",
        "What one step takes: writing a ring to the journal, a transaction of "
        "state.db, from the edge to the picture, finding and comparing the faces of "
        "one frame, one push.",
        by.stage,
        by.worker_id,
        buckets=STAGE_BUCKETS,
    ),
    gauge(
        "pipeline_queue_size",
        "What waits: messages for a worker, rings not yet in state.db, pushes.",
        by.queue_name,
        by.worker_type,
    ),
    gauge(
        "pipeline_worker_health",
        "1 while the worker takes work, else 0.",
        by.worker_id,
        by.worker_type,
    ),
    counter(
        "face_recognition_requests_total",
        "Answers of recognition, and how near the best face came to the lines.",
        by.result_type,
        by.confidence,
    ),
    gauge(
        "face_recognition_accuracy",
        "Share of right decisions, 0 to 1, by what "
        "doorbell_recognition_accuracy_samples says.",
        by.model_version,
    ),
    gauge("known_faces_database_size", "People who are enrolled."),
    gauge("system_cpu_usage_percent", "Busy share of all processors, 0 to 100."),
    gauge("system_memory_usage_bytes", "Memory that is not available."),
    gauge(
        "system_disk_usage_percent",
        "Used share of a file system, 0 to 100; `state` is that of [storage] dir, "
        "where it is another.",
        by.mount_point,
    ),
    counter(
        "doorbell_triggers_total",
        "Rings that counted, by what rang and the household's time of day.",
        by.trigger_source,
        by.time_of_day,
    ),
    counter(
        "notifications_sent_total",
        "Attempts to tell a target, and its answer.",
        by.channel,
        by.notification_type,
        by.push_status,
    ),
    gauge("user_sessions_active", "People who are logged in to the web pages."),
    counter(
        "errors_total",
        "Errors that were logged, by the part that logged them and the event.",
        by.component,
        by.error_type,
        by.severity,
    ),
    counter(
        "security_events_total",
        "Events that concern security.",
        by.security_event,
        by.security_source,
        by.action_taken,
    ),
)

RINGS = (
    histogram(
        "doorbell_ring_decision_seconds",
        "From the edge of a press to the decision.",
        buckets=DECISION_BUCKETS,
    ),
    histogram(
        "doorbell_ring_push_seconds",
        "From the edge of a press to the first answer of a target that took it.",
        buckets=PUSH_BUCKETS,
    ),
    counter("doorbell_visits_total", "Visits that ended, and how.", by.decision),
    counter(
        "doorbell_visits_degraded_total",
        "Visits that ended without an answer, and why.",
        by.reason,
    ),
    counter_from_zero("doorbell_frames_total", "Frames of the camera."),
    gauge("doorbell_camera_frame_age_seconds", "Age of the camera's newest frame."),
    gauge("doorbell_button_stuck", "1 while the line is active for too long, else 0."),
    gauge(
        "doorbell_outbox_oldest_seconds",
        "Age of the oldest push that waits, 0 without any.",
    ),
    counter(
        "doorbell_dead_letters_total",
        "Pushes that were given up.",
        by.channel,
    ),
    gauge("doorbell_gallery_photos", "Photographs the engine in use compares."),
    gauge(
        "doorbell_recognition_accuracy_samples",
        "What face_recognition_accuracy rests on: how many faces of which kind.",
        by.basis,
    ),
    gauge(
        "doorbell_recognition_accuracy_upper_ratio",
        "Upper Wilson bound, 95 %, of face_recognition_accuracy.",
    ),
)

SYNTHETIC = (
    counter_from_zero(
        "doorbell_synthetic_rings_total",
        "Synthetic rings, by how far they came; `yielded` to a real one.",
        by.leg,
        by.outcome,
    ),
    histogram(
        "doorbell_synthetic_ring_seconds",
        "From the start of a synthetic ring to each of its steps.",
        by.leg,
        buckets=SYNTHETIC_BUCKETS,
    ),
    gauge(
        "doorbell_synthetic_success_age_seconds",
        "Since a synthetic ring last came through; since the start, if none did.",
    ),
)

DEVICE = (
    gauge("doorbell_build_info", "Always 1.", by.version),
    gauge("doorbell_uptime_seconds", "Since the daemon started."),
    gauge("doorbell_clock_synchronised", "1 if the clock is synchronised, else 0."),
    gauge("doorbell_memory_total_bytes", "Memory of this machine."),
    gauge("doorbell_memory_available_bytes", "Memory that programs can still get."),
    gauge("doorbell_disk_free_bytes", "Room left for the daemon.", by.mount_point),
    gauge("doorbell_cpu_temperature_celsius", "Hottest sensor of the processor."),
    gauge("doorbell_under_voltage", "1 while the supply is too weak, else 0."),
    gauge("doorbell_throttled", "1 while the processor is slowed down, else 0."),
    gauge(
        "doorbell_card_wear_ratio",
        "Life the card has used by its own estimate, 0 to 1.1.",
        by.estimate,
    ),
    counter("doorbell_network_received_bytes_total", "All interfaces but loopback."),
    counter("doorbell_network_sent_bytes_total", "All interfaces but loopback."),
    gauge("doorbell_processes", "Processes of the daemon, the supervisor included."),
    gauge("doorbell_threads", "Threads of a process.", by.worker_id),
    gauge("doorbell_resident_bytes", "Resident memory of a process.", by.worker_id),
    counter(
        "doorbell_worker_restarts_total",
        "Ends of a worker that were not asked for.",
        by.worker_id,
    ),
    gauge("doorbell_storage_working", "1 while state.db can be written, else 0."),
    gauge("doorbell_audit_tree_size", "Records in the audit log."),
    gauge(
        "doorbell_audit_root_high",
        "First 48 bits of the audit tree's root at that size.",
    ),
    gauge("doorbell_audit_root_low", "The 48 bits after them."),
    counter_from_zero(
        "doorbell_updates_total", "Updates that ended, and how.", by.update_result
    ),
)

MONITORING = (
    counter_from_zero(
        "doorbell_observations_dropped_total",
        "Observations that could not be recorded.",
        by.drop_reason,
    ),
    counter_from_zero(
        "doorbell_spans_total",
        "Spans of traces: taken by the collector, refused by it, or given up before.",
        by.span_outcome,
    ),
    counter(
        "doorbell_operations_requests_total",
        "Requests to the operations port.",
        by.path,
        by.code,
    ),
    gauge("doorbell_series", "Series that are exposed."),
)

DECLARED = ORIGINAL + RINGS + SYNTHETIC + DEVICE + MONITORING
