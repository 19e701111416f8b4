"""Section `[tracing]`: where the time of a ring goes, told to a collector."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from config.sections import Section


class Tracing(Section, frozen=True):
    """Traces from the ring to the push, for an OpenTelemetry collector."""

    endpoint: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s]+)?$",
            title="an address `http://…` or `https://…`, or empty",
            description="address of the collector, OTLP over HTTP, e.g. "
            "`http://192.168.1.5:4318/v1/traces`; empty: no traces are made",
        ),
    ] = ""
    header_file: Annotated[
        str,
        Meta(
            description="file with a header for the collector, `Name: value`, e.g. "
            "its token"
        ),
    ] = ""
    timeout_s: Annotated[
        float,
        Meta(
            ge=0.5,
            le=60,
            description="a collector that does not answer by then is "
            "given up for these spans",
        ),
    ] = 5.0
    queue_spans: Annotated[
        int,
        Meta(
            ge=16,
            le=65536,
            description="spans kept for a collector that does not answer; beyond "
            "it the oldest go",
        ),
    ] = 2048
