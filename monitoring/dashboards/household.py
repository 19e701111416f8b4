"""The board of the household: who came, when, and how sure."""

from __future__ import annotations

from monitoring.dashboards.panel import Board, Panel, Query, Row
from monitoring.dashboards.queries import grown, quantiles

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
