"""Measure what takes time: a span where traces are wanted, a line where it was slow.

    with operation("vision.look", width=1280) as done:
        ...
        done.note(faces=2)

Every process may measure; what becomes of a span is the sink's affair (`send_to`).
Without one no span is made. OpenTelemetry is imported nowhere but in the process that
exports. Facts are numbers and words of the program, never a name, an address or a text
that came from outside.
"""

from __future__ import annotations

import logging
from time import monotonic_ns
from typing import TYPE_CHECKING, Self

from msgspec import Struct

from monitoring.tracing.context import (
    current_span,
    current_trace,
    new_span_id,
    root_span_id,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

log = logging.getLogger("doorbell.slow")

NS_PER_MS = 1_000_000
DEFAULT_SLOW_MS = 1000

Fact = str | int | float | bool


class Span(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A finished piece of work.

    Attributes:
        trace: 32 hexadecimal digits.
        id: 16 hexadecimal digits.
        parent: the span it was part of; empty for the first of its trace.
        start_ns: CLOCK_MONOTONIC, which all processes of one boot share.
        end_ns: the same.
        role: the process it was done in.
        error: the kind of failure; empty when it succeeded.
    """

    trace: str
    id: str
    parent: str
    name: str
    start_ns: int
    end_ns: int
    role: str
    facts: dict[str, Fact] = {}
    error: str = ""


class _Settings:
    """What this process does with its measurements."""

    def __init__(self) -> None:
        self.sink: Callable[[Span], None] | None = None
        self.role = ""
        self.slow_ns = DEFAULT_SLOW_MS * NS_PER_MS


_here = _Settings()


def send_to(sink: Callable[[Span], None] | None, role: str) -> None:
    """Give each finished span to `sink`, from any thread; None makes no spans."""
    _here.sink, _here.role = sink, role


def sink() -> Callable[[Span], None] | None:
    """Return what spans of this process are given to now."""
    return _here.sink


def slow_from(milliseconds: float) -> None:
    """Log operations that take longer than this."""
    _here.slow_ns = round(milliseconds * NS_PER_MS)


def is_tracing() -> bool:
    """Whether spans are made in this process."""
    return _here.sink is not None


def record(  # noqa: PLR0913 - each is a part of a span
    name: str,
    start_ns: int,
    end_ns: int,
    *,
    trace: str,
    error: str = "",
    is_root: bool = False,
    **facts: Fact,
) -> None:
    """Record a span that was measured otherwise.

    Args:
        name: of the operation.
        start_ns: monotonic.
        end_ns: monotonic.
        trace: that it belongs to; nothing is recorded without.
        error: the kind of failure.
        is_root: it is the first of its trace; else it is a part of that one.
        facts: as for `operation`.
    """
    if _here.sink is None or not trace:
        return
    root = root_span_id(trace)
    _here.sink(
        Span(
            trace=trace,
            id=root if is_root else new_span_id(),
            parent="" if is_root else root,
            name=name,
            start_ns=start_ns,
            end_ns=end_ns,
            role=_here.role,
            facts=facts,
            error=error,
        )
    )


class operation:  # noqa: N801 - read as a verb: `with operation("…")`
    """Measure a block; entering returns itself."""

    __slots__ = ("_facts", "_id", "_inside", "_name", "_parent", "_start_ns", "_trace")

    def __init__(self, name: str, **facts: Fact) -> None:
        self._name = name
        self._facts = facts
        self._inside: AbstractContextManager[None] | None = None
        self._id = self._parent = self._trace = ""
        self._start_ns = 0

    def note(self, **facts: Fact) -> None:
        """Add what is known only now."""
        self._facts |= facts

    def __enter__(self) -> Self:
        """Begin."""
        if _here.sink is not None and (trace := current_trace()):
            self._trace, self._parent, self._id = trace, current_span(), new_span_id()
            self._inside = within(self._id)
            self._inside.__enter__()
        self._start_ns = monotonic_ns()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """End; what is raised goes on."""
        end_ns = monotonic_ns()
        took_ns = end_ns - self._start_ns
        if self._inside is not None:
            self._inside.__exit__(None, None, None)
            self._hand_over(end_ns, kind.__name__ if kind else "")
        if took_ns > _here.slow_ns:
            took = {"operation": self._name, "duration_ms": round(took_ns / NS_PER_MS)}
            log.warning("slow", extra=took | self._facts)

    def _hand_over(self, end_ns: int, error: str) -> None:
        if _here.sink is None:
            return
        _here.sink(
            Span(
                trace=self._trace,
                id=self._id,
                parent=self._parent,
                name=self._name,
                start_ns=self._start_ns,
                end_ns=end_ns,
                role=_here.role,
                facts=self._facts,
                error=error,
            )
        )
