"""The three boards: who came, how the doorbell works, how the device is."""

from __future__ import annotations

from monitoring.dashboards.panel import Board, Panel, Query, Row


def grown(counter: str, window: str) -> str:
    """How much each series of a counter grew; a new one by all it has.

    A house has few rings: to `increase` the first of its kind after a start is none.
    """
    new = f"({counter} unless {counter} offset {window})"
    return f"({new} or increase({counter}[{window}]))"


def quantiles(metric: str, by: str = "") -> tuple[Query, ...]:
    """Median and 95th percentile of a histogram over the panel's step."""
    labels = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    return tuple(
        Query(
            f"histogram_quantile({share}, "
            f"sum by ({labels}) {grown(f'{metric}_bucket', '$__range')})",
            f"{name}{legend}",
        )
        for share, name in ((0.5, "median"), (0.95, "95 %"))
    )


ANSWERS = grown("face_recognition_requests_total", "$__interval")

HOUSEHOLD = Board(
    "doorbell-household",
    "Doorbell: the household",
    "now-7d",
    (
        Row(
            "Who came",
            (
                Panel(
                    "Rings",
                    "stat",
                    (
                        Query(
                            f"sum({grown('doorbell_triggers_total', '$__range')})",
                            "rings",
                        ),
                    ),
                    "short",
                    "Presses that counted, in the time shown.",
                    width=6,
                ),
                Panel(
                    "Visits by answer",
                    "bars",
                    (
                        Query(
                            "sum by (decision) "
                            f"({grown('doorbell_visits_total', '$__interval')})",
                            "{{decision}}",
                        ),
                    ),
                    "short",
                    "Known, unsure, unknown or nobody; degraded has no answer. Names "
                    "are in no metric: `doorbell visits list` has them.",
                    width=18,
                ),
            ),
        ),
        Row(
            "When",
            (
                Panel(
                    "Rings by time of day",
                    "bars",
                    (
                        Query(
                            "sum by (time_of_day) "
                            f"({grown('doorbell_triggers_total', '$__interval')})",
                            "{{time_of_day}}",
                        ),
                    ),
                    "short",
                    "Night from midnight, morning from six, afternoon from noon, "
                    "evening from six.",
                ),
                Panel(
                    "From the press to the name",
                    "timeseries",
                    quantiles("doorbell_ring_decision_seconds"),
                    "s",
                    "Below one second is the goal.",
                ),
            ),
        ),
        Row(
            "How sure",
            (
                Panel(
                    "Confidence of answers",
                    "bars",
                    (
                        Query(
                            f"sum by (confidence_bucket) ({ANSWERS})",
                            "{{confidence_bucket}}",
                        ),
                    ),
                    "short",
                    "How near the best face came to the lines of unsure and known.",
                ),
                Panel(
                    "Right answers",
                    "gauge",
                    (Query("face_recognition_accuracy", "{{model_version}}"),),
                    "percentunit",
                    "Of the visits you labelled; with too few of them, of the "
                    "enrolled photographs, each judged by the others.",
                    width=6,
                ),
                Panel(
                    "It rests on",
                    "stat",
                    (Query("doorbell_recognition_accuracy_samples", "{{basis}}"),),
                    "short",
                    "How many faces, and of which kind.",
                    width=6,
                ),
            ),
        ),
        Row(
            "People",
            (
                Panel(
                    "Enrolled people",
                    "stat",
                    (Query("known_faces_database_size", "people"),),
                    "short",
                    "Everybody else is a stranger.",
                    width=6,
                ),
                Panel(
                    "Logged in",
                    "stat",
                    (Query("user_sessions_active", "sessions"),),
                    "short",
                    "Sessions of the web pages.",
                    width=6,
                ),
                Panel(
                    "Messages",
                    "bars",
                    (
                        Query(
                            "sum by (channel, status) "
                            f"({grown('notifications_sent_total', '$__interval')})",
                            "{{channel}} {{status}}",
                        ),
                    ),
                    "short",
                    "Attempts to tell each target, and what it answered.",
                ),
            ),
        ),
    ),
)

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

DEVICE = Board(
    "doorbell-device",
    "Doorbell: the device",
    "now-24h",
    (
        Row(
            "Processor and memory",
            (
                Panel(
                    "Processor",
                    "timeseries",
                    (Query("system_cpu_usage_percent", "busy"),),
                    "percent",
                    "Of all cores together.",
                ),
                Panel(
                    "Memory",
                    "timeseries",
                    (
                        Query("system_memory_usage_bytes", "taken"),
                        Query("doorbell_memory_total_bytes", "there is"),
                    ),
                    "bytes",
                    "Of the machine.",
                ),
                Panel(
                    "Memory by process",
                    "timeseries",
                    (Query("doorbell_resident_bytes", "{{worker_id}}"),),
                    "bytes",
                    "Resident; pages shared between processes count in each.",
                ),
                Panel(
                    "Heat",
                    "timeseries",
                    (
                        Query(
                            "doorbell_cpu_temperature_celsius",
                            "processor",
                            pi_only=True,
                        ),
                    ),
                    "celsius",
                    "A Pi slows down from 80 degrees.",
                ),
            ),
        ),
        Row(
            "Disk and network",
            (
                Panel(
                    "Disk",
                    "timeseries",
                    (Query("system_disk_usage_percent", "{{mount_point}}"),),
                    "percent",
                    "Used share.",
                ),
                Panel(
                    "Network",
                    "timeseries",
                    (
                        Query(
                            "rate(doorbell_network_received_bytes_total"
                            "[$__rate_interval])",
                            "received",
                        ),
                        Query(
                            "rate(doorbell_network_sent_bytes_total[$__rate_interval])",
                            "sent",
                        ),
                    ),
                    "Bps",
                    "All interfaces but loopback.",
                ),
                Panel(
                    "Wear of the card",
                    "gauge",
                    (Query("doorbell_card_wear_ratio", "{{estimate}}", pi_only=True),),
                    "percentunit",
                    "By the card's own estimate, where it gives one.",
                    width=6,
                ),
                Panel(
                    "Card works",
                    "stat",
                    (Query("doorbell_storage_working", "state.db"),),
                    "bool",
                    "0 means that rings are told from memory.",
                    width=6,
                ),
            ),
        ),
        Row(
            "Power and time",
            (
                Panel(
                    "Under-voltage and throttling",
                    "timeseries",
                    (
                        Query("doorbell_under_voltage", "under-voltage", pi_only=True),
                        Query("doorbell_throttled", "slowed down", pi_only=True),
                    ),
                    "bool",
                    "1 while it holds.",
                ),
                Panel(
                    "Clock synchronised",
                    "stat",
                    (Query("doorbell_clock_synchronised", "clock"),),
                    "bool",
                    "Without it the time of a ring is unknown.",
                    width=6,
                ),
                Panel(
                    "Running since",
                    "stat",
                    (Query("doorbell_uptime_seconds", "uptime"),),
                    "s",
                    "Since the daemon started.",
                    width=6,
                ),
            ),
        ),
        Row(
            "Audit",
            (
                Panel(
                    "Records of the audit log",
                    "timeseries",
                    (Query("doorbell_audit_tree_size", "records"),),
                    "short",
                    "It only grows. A fall is an alert.",
                ),
                Panel(
                    "Root of its tree",
                    "stat",
                    (
                        Query("doorbell_audit_root_high", "first 48 bits"),
                        Query("doorbell_audit_root_low", "next 48 bits"),
                    ),
                    "none",
                    "Kept by Prometheus, beyond the reach of who holds the device.",
                ),
            ),
        ),
        Row(
            "Monitoring itself",
            (
                Panel(
                    "Series",
                    "stat",
                    (Query("doorbell_series", "series"),),
                    "short",
                    "At most 300.",
                    width=6,
                ),
                Panel(
                    "Observations lost",
                    "stat",
                    (
                        Query(
                            "sum(increase("
                            "doorbell_observations_dropped_total[$__range]))",
                            "lost",
                        ),
                    ),
                    "short",
                    "Should be 0.",
                    width=6,
                ),
                Panel(
                    "Processes",
                    "stat",
                    (Query("doorbell_processes", "processes"),),
                    "short",
                    "Of the daemon.",
                    width=6,
                ),
                Panel(
                    "Threads",
                    "stat",
                    (Query("sum(doorbell_threads)", "threads"),),
                    "short",
                    "Of all its processes.",
                    width=6,
                ),
            ),
        ),
    ),
)

BOARDS = (HOUSEHOLD, PIPELINE, DEVICE)
