"""Count what is logged as an error, at the one place where all errors pass.

Attach it after the log of the process is configured, which removes other handlers.
"""

from __future__ import annotations

import logging

from monitoring.metrics.label_values import COMPONENTS, ERRORS, OTHER
from monitoring.metrics.recording import record_counter


class ErrorCounter(logging.Handler):
    """Counts records of level ERROR and above in `errors_total`."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)

    def emit(self, record: logging.LogRecord) -> None:
        """Count one record."""
        is_critical = record.levelno >= logging.CRITICAL
        labels = {
            "component": _component(record.name),
            "error_type": record.msg if record.msg in ERRORS else OTHER,
            "severity": "critical" if is_critical else "error",
        }
        record_counter("errors_total", 1.0, labels)


def count_errors() -> None:
    """Count what this process logs from now on; harmless when called again."""
    root = logging.getLogger()
    if not any(isinstance(one, ErrorCounter) for one in root.handlers):
        root.addHandler(ErrorCounter())


def _component(logger_name: str) -> str:
    name = logger_name.removeprefix("doorbell.").partition(".")[0]
    return name if name in COMPONENTS else OTHER
