"""Send spans to an OpenTelemetry collector: OTLP over HTTP, by OpenTelemetry's SDK.

The one module that imports OpenTelemetry. Certificates and proxies are set as its
documentation says, by `OTEL_EXPORTER_OTLP_…` variables.
"""

from __future__ import annotations

import logging
import socket
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from doorbell.core.errors import BadSettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.tracing.spans import Span

SERVICE = "doorbell"
_SCOPE = InstrumentationScope(SERVICE, version("doorbell-edge"))


def open_collector(endpoint: str, header: str, timeout_s: float) -> OtlpCollector:
    """Prepare to export; nothing is sent yet.

    Args:
        endpoint: whole address, its path included.
        header: `Name: value`, or empty.
        timeout_s: of one export, its retries included.

    Raises:
        BadSettingsError: the header is none.
    """
    name, colon, value = header.partition(":")
    if header and not (colon and name.strip() and value.strip()):
        msg = "the file of [tracing] header_file does not hold `Name: value`"
        raise BadSettingsError(msg)
    headers = {name.strip().lower(): value.strip()} if header else {}
    return OtlpCollector(
        OTLPSpanExporter(endpoint=endpoint, headers=headers, timeout=timeout_s)
    )


class _LastWords(logging.Handler):
    """Keeps what OpenTelemetry last said: its result is only yes or no."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.text = record.getMessage()


class OtlpCollector:
    """Implements `ports.collector.Collector`."""

    def __init__(self, exporter: OTLPSpanExporter) -> None:
        self._exporter = exporter
        self._last_words = _LastWords()
        logger = logging.getLogger("opentelemetry")
        # It says each failure again; the stage says the first, masked.
        logger.handlers, logger.propagate = [self._last_words], False
        self._resource = Resource(
            {
                "service.name": SERVICE,
                "service.version": version("doorbell-edge"),
                "service.instance.id": socket.gethostname(),
            }
        )

    def export(self, spans: Sequence[Span], wall_offset_ns: int) -> str:
        """Send spans, once; see `ports.collector`."""
        self._last_words.text = ""
        told = [_told(span, wall_offset_ns, self._resource) for span in spans]
        if self._exporter.export(told) is SpanExportResult.SUCCESS:
            return ""
        return self._last_words.text or "the collector did not take them"

    def close(self) -> None:
        """Hang up."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call] # it has no types


def _told(span: Span, wall_offset_ns: int, resource: Resource) -> ReadableSpan:
    """Say a span in OpenTelemetry's words."""
    status = Status(StatusCode.ERROR, span.error) if span.error else Status()
    return ReadableSpan(
        name=span.name,
        context=_context(span.trace, span.id),
        parent=_context(span.trace, span.parent) if span.parent else None,
        resource=resource,
        attributes={"role": span.role, **span.facts},
        status=status,
        instrumentation_scope=_SCOPE,
        start_time=span.start_ns + wall_offset_ns,
        end_time=span.end_ns + wall_offset_ns,
    )


def _context(trace: str, span: str) -> SpanContext:
    return SpanContext(
        int(trace, 16),
        int(span, 16),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
