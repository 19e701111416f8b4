"""Settings of what the household is told about the doorbell itself."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from config.sections import Section


class Alerts(Section, frozen=True):
    """Alerts of the doorbell itself, for a house without Prometheus.

    The rules are those of `docs/reference/alerts.md`, evaluated here as Prometheus
    evaluates them.
    """

    push: Annotated[
        Literal["critical", "all", "none"],
        Meta(description="which alerts reach the targets as a message"),
    ] = "critical"
    heartbeat_url_file: Annotated[
        str,
        Meta(
            description="file with an address that is fetched as long as the bell can "
            "be rung; a service behind it tells when that ends, which a dead Pi cannot"
        ),
    ] = ""
    heartbeat_s: Annotated[
        float, Meta(ge=10, le=3600, description="how often it is fetched")
    ] = 60.0
