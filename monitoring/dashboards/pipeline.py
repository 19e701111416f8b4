"""The board of the pipeline: latency, queues, workers, errors."""

from __future__ import annotations

from monitoring.dashboards.panel import Board, Panel, Query, Row
from monitoring.dashboards.queries import grown, quantiles

PIPELINE = Board(
    "doorbell-pipeline",
    "Doorbell: the pipeline",
    "now-6h",
    (
        Row(
            "Test rings",
            (
                Panel(
                    "Test rings that failed",
                    "stat",
                    (
                        Query(
                            "sum by (leg) (increase(doorbell_synthetic_rings_total"
                            '{outcome="failure"}[$__range]))',
                            "{{leg}}",
                        ),
                    ),
                    "short",
                    "A ring the doorbell gives itself each minute: accepted, decided, "
                    "delivered.",
                    width=8,
                ),
                Panel(
                    "Since the last success",
                    "stat",
                    (Query("doorbell_synthetic_success_age_seconds", "age"),),
                    "s",
                    "More than ten minutes is an alert.",
                    width=4,
                ),
                Panel(
                    "How long test rings take",
                    "timeseries",
                    quantiles("doorbell_synthetic_ring_seconds", "leg"),
                    "s",
                    "From the ring to each of its steps.",
                ),
            ),
        ),
        Row(
            "Latency",
            (
                Panel(
                    "From the press to the decision",
                    "timeseries",
                    quantiles("doorbell_ring_decision_seconds"),
                    "s",
                    "Real rings only.",
                ),
                Panel(
                    "From the press to the first message taken",
                    "timeseries",
                    quantiles("doorbell_ring_push_seconds"),
                    "s",
                    "Until the first target answered that it has it.",
                ),
                Panel(
                    "Stages",
                    "timeseries",
                    quantiles("pipeline_processing_duration_seconds", "stage"),
                    "s",
                    "What each step takes.",
                    width=24,
                ),
            ),
        ),
        Row(
            "Queues",
            (
                Panel(
                    "What waits",
                    "timeseries",
                    (
                        Query(
                            "sum by (queue_name, worker_type) (pipeline_queue_size)",
                            "{{queue_name}} {{worker_type}}",
                        ),
                    ),
                    "short",
                    "Messages for a worker, rings not yet taken up, pushes not yet "
                    "told.",
                ),
                Panel(
                    "Oldest push",
                    "stat",
                    (Query("doorbell_outbox_oldest_seconds", "age"),),
                    "s",
                    "More than five minutes is an alert.",
                    width=6,
                ),
                Panel(
                    "Given up",
                    "stat",
                    (
                        Query(
                            f"sum({grown('doorbell_dead_letters_total', '$__range')}) "
                            "or vector(0)",
                            "pushes",
                        ),
                    ),
                    "short",
                    "Pushes that no target took before they expired.",
                    width=6,
                ),
            ),
        ),
        Row(
            "Workers",
            (
                Panel(
                    "Running",
                    "timeseries",
                    (Query("pipeline_worker_health", "{{worker_id}}"),),
                    "bool",
                    "1 while the worker takes work.",
                ),
                Panel(
                    "Restarts",
                    "stat",
                    (
                        Query(
                            "sum by (worker_id) "
                            "(increase(doorbell_worker_restarts_total[$__range]))",
                            "{{worker_id}}",
                        ),
                    ),
                    "short",
                    "Ends that nobody asked for.",
                ),
                Panel(
                    "Age of the newest frame",
                    "timeseries",
                    (Query("doorbell_camera_frame_age_seconds", "age"),),
                    "s",
                    "Five seconds and more means that the camera is in trouble.",
                ),
                Panel(
                    "Frames a second",
                    "timeseries",
                    (Query("rate(doorbell_frames_total[$__rate_interval])", "frames"),),
                    "short",
                    "As the camera gives them.",
                ),
            ),
        ),
        Row(
            "Errors",
            (
                Panel(
                    "Errors by part",
                    "bars",
                    (
                        Query(
                            "sum by (component, error_type) "
                            f"({grown('errors_total', '$__interval')})",
                            "{{component}} {{error_type}}",
                        ),
                    ),
                    "short",
                    "As logged; the log says more.",
                ),
                Panel(
                    "Security events",
                    "bars",
                    (
                        Query(
                            "sum by (event_type, action_taken) "
                            f"({grown('security_events_total', '$__interval')})",
                            "{{event_type}} {{action_taken}}",
                        ),
                    ),
                    "short",
                    "Each also stands in the log and in the audit log.",
                ),
            ),
        ),
    ),
)
