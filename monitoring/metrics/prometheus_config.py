"""The monitoring of one process, as the rest of the program sees it.

`ProductionMonitoringSystem` holds the registry, names the three ways to record, and
puts together the status of everything that watches. Serving it is the operations
port's affair, feeding it that of who does the work.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from monitoring.metrics.label_values import OTHER
from monitoring.metrics.metrics_collector import MetricsCollector
from monitoring.metrics.recording import NO_LABELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.production.monitoring_config import MonitoringConfig
    from monitoring.metrics.metrics_collector import Sample
    from monitoring.metrics.recording import Labels

    StatusPart = Callable[[], object]


class ProductionMonitoringSystem:
    """All metrics of the doorbell, and what is concluded from them.

    Args:
        config: what the settings say of it.

    Attributes:
        collector: the registry.
    """

    def __init__(self, config: MonitoringConfig) -> None:
        self.config = config
        self.collector = MetricsCollector(
            strict=config.strict,
            closing={
                "channel": (*config.channels, OTHER),
                "model_version": config.engines,
                "version": (config.version,),
            },
        )
        self._began_s = time.monotonic()
        self._parts: dict[str, StatusPart] = {}

    def record_counter(
        self,
        name: str,
        value: float = 1.0,
        labels: Labels = NO_LABELS,
        exemplar: Labels | None = None,
    ) -> None:
        """Add `value` to a counter.

        Raises:
            MetricError: it is not declared, and the configuration is strict.
        """
        self.collector.record("counter", name, value, labels, exemplar)

    def record_gauge(self, name: str, value: float, labels: Labels = NO_LABELS) -> None:
        """Set a gauge; errors as in `record_counter`."""
        self.collector.record("gauge", name, value, labels)

    def record_histogram(
        self,
        name: str,
        value: float,
        labels: Labels = NO_LABELS,
        exemplar: Labels | None = None,
    ) -> None:
        """Add one value to a histogram; errors as in `record_counter`."""
        self.collector.record("histogram", name, value, labels, exemplar)

    def add_status(self, name: str, part: StatusPart) -> None:
        """Let something that watches, as the alerts, say how it stands.

        Args:
            name: its key in the status.
            part: called each time somebody asks; returns what JSON can hold.
        """
        self._parts[name] = part

    def get_monitoring_status(self) -> dict[str, object]:
        """Return how the monitoring itself is doing."""
        dropped = {
            sample.labels["reason"]: sample.value
            for sample in self.collector.samples()
            if sample.name == "doorbell_observations_dropped_total" and sample.value
        }
        status: dict[str, object] = {
            "uptime_s": round(time.monotonic() - self._began_s, 1),
            "series": self.collector.series,
            "strict": self.config.strict,
            "scrape_s": self.config.scrape_s,
            "health_interval_s": self.config.health_interval_s,
            "dropped": dropped,
        }
        return status | {name: part() for name, part in self._parts.items()}

    def export_json(self) -> bytes:
        """Return every series and the status as one JSON object."""
        content = {
            "status": self.get_monitoring_status(),
            "metrics": [_plain(one) for one in self.collector.samples()],
        }
        return msgspec.json.encode(content)


def _plain(sample: Sample) -> dict[str, object]:
    return {
        "name": sample.name,
        "labels": dict(sample.labels),
        "value": sample.value,
    }
