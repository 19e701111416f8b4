"""What the monitoring needs to know of the settings, as one immutable value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from config.metrics_settings import Metrics

if TYPE_CHECKING:
    from config.production.production_settings import ProductionSettings


class MonitoringConfig(Struct, frozen=True, kw_only=True):
    """Everything the metrics depend on.

    Attributes:
        metrics: the section `[metrics]`.
        strict: an unknown name or label is an error; so it is outside production.
        channels: names of the targets, each a value of the label `channel`.
        engines: names of engines, each a value of the label `model_version`.
        version: of the program, the value of the label `version`.
    """

    metrics: Metrics = Metrics()
    strict: bool = False
    channels: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    version: str = ""

    @classmethod
    def of(
        cls, settings: ProductionSettings, *, engines: tuple[str, ...], version: str
    ) -> MonitoringConfig:
        """Return what these settings mean for the monitoring."""
        return cls(
            metrics=settings.metrics,
            strict=settings.profile != "production",
            channels=tuple(target.name for target in settings.notify.targets),
            engines=engines,
            version=version,
        )

    @property
    def scrape_s(self) -> float:
        """How often Prometheus asks."""
        return self.metrics.scrape_s

    @property
    def health_interval_s(self) -> float:
        """How often the state of health is judged."""
        return self.metrics.health_interval_s
