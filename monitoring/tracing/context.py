"""Where a piece of work stands in its trace, and how that travels in a message.

`traceparent` is that of the W3C: version, trace, parent span, flags. The trace is the
correlation id of the log, so that one id finds lines and spans. The root span of a
trace has an id that follows from the trace's: a push that is sent after a crash still
belongs to the ring that it tells of.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from os import urandom
from typing import TYPE_CHECKING

from monitoring.logging.correlation import CorrelationContext, correlation_id

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRACE = re.compile(r"[0-9a-f]{32}")
_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16

_span: ContextVar[str] = ContextVar("span_id", default="")


def new_span_id() -> str:
    """Return 16 fresh hexadecimal digits."""
    return urandom(8).hex()


def root_span_id(trace_id: str) -> str:
    """Return the id of a trace's first span."""
    return trace_id[:16]


def current_trace() -> str:
    """Return the trace that is in hand; empty when there is none."""
    trace_id = correlation_id()
    return trace_id if _TRACE.fullmatch(trace_id) else ""


def current_span() -> str:
    """Return the span that is in hand, by default its trace's first."""
    return _span.get() or root_span_id(current_trace())


def traceparent() -> str:
    """Return what a message takes along; empty when no trace is in hand."""
    trace_id = current_trace()
    return f"00-{trace_id}-{current_span()}-01" if trace_id else ""


@contextmanager
def continued(parent: str) -> Iterator[None]:
    """Go on with what a message brought along.

    Args:
        parent: a `traceparent`. Anything else, also nothing, belongs to no trace: it
            comes from another process and is not to be trusted with a line of the log.
    """
    found = _PARENT.fullmatch(parent)
    trace_id, span_id = found.groups() if found else ("", "")
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        trace_id = span_id = ""
    with CorrelationContext(trace_id), within(span_id):
        yield


@contextmanager
def within(span_id: str) -> Iterator[None]:
    """Let this be the span in hand."""
    token = _span.set(span_id)
    try:
        yield
    finally:
        _span.reset(token)


@contextmanager
def working_on(trace_id: str) -> Iterator[None]:
    """Let this be the trace in hand, at its first span; empty for none."""
    with CorrelationContext(trace_id), within(""):
        yield
