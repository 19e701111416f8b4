"""Traces: ids that travel, spans that wait for nobody, and none without a collector."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doorbell.runtime.carried import about, addressed
from doorbell.runtime.reporting import MOST_WAITING, SpanBuffer
from doorbell.runtime.traces import ROLE, Traces
from doorbell.stages.messages import Stop
from doorbell.stages.vision_messages import ForgetVisit
from doorbell.stages.watching import ExportSpans, SpansEnded, SpansExported
from monitoring.logging.structured_logging import (
    CorrelationContext,
    configure_logging,
    correlation_id,
)
from monitoring.tracing import spans
from monitoring.tracing.context import continued, root_span_id, traceparent, working_on
from monitoring.tracing.spans import Span, operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def ended() -> Iterator[list[Span]]:
    """Spans of this process."""
    found: list[Span] = []
    spans.send_to(found.append, "hub")
    yield found
    spans.send_to(None, "")


def span(name: str = "look") -> Span:
    return Span(
        trace=TRACE,
        id="b7ad6b7169203331",
        parent="",
        name=name,
        start_ns=1,
        end_ns=2,
        role="vision",
    )


def test_a_message_takes_the_visit_in_hand_along() -> None:
    with working_on(TRACE):
        sent = addressed(ForgetVisit(visit="visit-1"))
    assert isinstance(sent, ForgetVisit)
    assert correlation_id() == ""
    with about(sent):
        assert correlation_id() == TRACE
        assert traceparent() == f"00-{TRACE}-{root_span_id(TRACE)}-01"


def test_what_is_about_nobody_bears_no_id() -> None:
    assert addressed(Stop()) == Stop()
    with working_on(TRACE), about(Stop()):
        assert correlation_id() == ""


@given(st.text(max_size=80))
@example(f"00-{TRACE}-{'0' * 16}-01")
@example(f"00-{'0' * 32}-b7ad6b7169203331-01")
@example(f"00-{TRACE.upper()}-b7ad6b7169203331-01")
@example(f"00-{TRACE}-b7ad6b7169203331-01\nx")
def test_only_a_trace_context_is_taken_as_one(text: str) -> None:
    """Kills: an id taken from a message as it came; zero ids let through."""
    with continued(text):
        assert re.fullmatch(r"([0-9a-f]{32})?", correlation_id())
        assert correlation_id() in ("", TRACE) or text[3:35] == correlation_id()
        assert correlation_id() != "0" * 32
    if text.endswith("x") or "0" * 16 in text:
        with continued(text):
            assert correlation_id() == ""


def test_spans_within_each_other_know_their_parents(ended: list[Span]) -> None:
    with working_on(TRACE), operation("outer"), operation("inner", faces=2) as done:
        done.note(likeness=0.7)
    inner, outer = ended
    assert (inner.parent, outer.parent) == (outer.id, root_span_id(TRACE))
    assert inner.facts == {"faces": 2, "likeness": 0.7}
    assert inner.start_ns >= outer.start_ns
    assert {inner.trace, outer.trace} == {TRACE}


def test_a_failure_names_its_kind_and_goes_on(ended: list[Span]) -> None:
    with working_on(TRACE), pytest.raises(ValueError, match="Anna"), operation("x"):
        int("Anna")
    assert ended[0].error == "ValueError"
    assert "Anna" not in repr(ended)


def test_what_belongs_to_no_visit_makes_no_span(ended: list[Span]) -> None:
    with operation("glance"):
        pass
    with CorrelationContext("not a trace"), operation("glance"):
        pass
    assert ended == []


def test_a_slow_operation_is_a_line_with_its_duration_and_its_visit() -> None:
    stream, root = io.StringIO(), logging.getLogger()
    before = root.handlers[:], root.level
    configure_logging("info", "json", stream)
    try:
        spans.slow_from(0)
        with working_on(TRACE), operation("store", step="open_visit"):
            pass
        spans.slow_from(spans.DEFAULT_SLOW_MS)
        with operation("store"):
            pass
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    (line,) = [json.loads(one) for one in stream.getvalue().splitlines()]
    assert line["event"] == "slow"
    assert (line["operation"], line["correlation_id"]) == ("store", TRACE)
    assert line["duration_ms"] >= 0


def test_a_worker_whose_hub_does_not_read_keeps_the_newest_spans() -> None:
    buffer = SpanBuffer()
    for number in range(MOST_WAITING + 5):
        buffer.add(span(str(number)))
    batches: list[SpansEnded] = []
    while (batch := buffer.take()) is not None:
        batches.append(batch)
    names = [one.name for batch in batches for one in batch.spans]
    assert names == [str(n) for n in range(5, MOST_WAITING + 5)]
    assert sum(batch.dropped for batch in batches) == 5


class Wire:
    """The way to the exporting worker: there or not."""

    def __init__(self, *, there: bool = True) -> None:
        self.there = there
        self.sent: list[list[str]] = []

    def send(self, role: str, message: object, _fds: Sequence[int]) -> bool:
        assert role == ROLE
        assert isinstance(message, ExportSpans)
        if self.there:
            self.sent.append([one.name for one in message.spans])
        return self.there


def named(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last)]


def test_a_dead_collector_costs_the_oldest_spans_only() -> None:
    async def play() -> Wire:
        wire = Wire()
        hub = Traces(wire.send, most_waiting=16)
        hub.worker_up(ROLE)
        hub.add(span("first"))
        hub._due()
        for name in named(0, 40):
            hub.add(span(name))
        hub._due()  # The first batch was never answered: nothing more goes out.
        assert wire.sent == [["first"]]
        assert hub.waiting == 16
        hub.worker_said(ROLE, SpansExported(count=1, error="no answer"))
        hub._due()
        return wire

    wire = asyncio.run(play())
    assert wire.sent == [["first"], named(24, 40)]


def test_spans_wait_for_a_worker_that_starts_anew() -> None:
    async def play() -> Wire:
        wire = Wire(there=False)
        hub = Traces(wire.send, most_waiting=16)
        hub.worker_said("vision", SpansEnded(spans=[span("a"), span("b")]))
        hub._due()
        assert hub.waiting == 2
        wire.there = True
        hub.worker_up(ROLE)
        return wire

    assert asyncio.run(play()).sent == [["a", "b"]]


def test_no_process_but_the_exporting_one_imports_opentelemetry() -> None:
    program = (
        "import sys, doorbell.runtime.daemon, doorbell.runtime.worker;"
        "import doorbell.stages.vision, doorbell.stages.notify;"
        "import doorbell.stages.capture;"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
