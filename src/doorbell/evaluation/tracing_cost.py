"""What tracing adds to a ring while its collector is dead.

Twice measured: within one process, the hub's own part of a ring with a collector that
never takes anything against no tracing, which tells microseconds; and with two whole
daemons in turns, which tells whether the first measurement forgot something.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from time import thread_time_ns
from typing import TYPE_CHECKING

from doorbell.evaluation.figures import percentile
from doorbell.evaluation.trial import Site, Trial
from doorbell.evaluation.visitors import painted
from doorbell.runtime import replies
from doorbell.runtime import requests as r
from doorbell.runtime.client import open_connection
from doorbell.runtime.link import Codec
from doorbell.runtime.reporting import SpanBuffer
from doorbell.runtime.traces import Traces
from doorbell.stages.directions import FromWorker
from monitoring.logging.correlation import new_correlation_id
from monitoring.tracing import spans
from monitoring.tracing.context import traceparent, working_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from doorbell.runtime.client import Connection

WIDTH, HEIGHT, RATE_FPS = 640, 360, 20.0
NS_PER_MS = 1e6
WAITING = 2048
# As in a trace of a ring: four transactions of the hub; a picture, five looks and a
# push by workers, each of which the hub hears of in a message.
HUB_PARTS = 4
WORKER_PARTS = 7
P99 = 0.99


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds a ring, by whether it was traced.

    Attributes:
        plain: each ring without tracing.
        traced: each ring with a dead collector.
    """

    plain: list[float]
    traced: list[float]

    def added(self, share: float) -> float:
        """How much more the ring takes at this percentile."""
        return percentile(self.traced, share) - percentile(self.plain, share)


def within(rings: int) -> Cost:
    """Time all that tracing does for a ring, in one process.

    In processor time: what else the machine does would otherwise be most of the 99th
    percentile of some microseconds.
    """
    plain = _series(rings)

    async def traced() -> list[float]:
        # The worker took the first batch and never comes back.
        hub = Traces(lambda _role, _message, _fds: True, WAITING)
        hub.begin()
        worker, codec = SpanBuffer(), Codec(FromWorker)
        try:
            return _series(rings, lambda: _hear(hub, worker, codec), worker)
        finally:
            spans.send_to(None, "")

    return Cost(plain, asyncio.run(traced()))


def _series(
    rings: int,
    hear: Callable[[], None] = lambda: None,
    worker: SpanBuffer | None = None,
) -> list[float]:
    took_ms = []
    for _ in range(rings):
        trace = new_correlation_id()
        began_ns = thread_time_ns()
        _ring(trace, worker)
        hear()
        took_ms.append((thread_time_ns() - began_ns) / NS_PER_MS)
    return took_ms


def _ring(trace: str, worker: SpanBuffer | None) -> None:
    with working_on(trace):
        for number in range(HUB_PARTS):
            with spans.operation("store", step="open_visit") as done:
                done.note(row=number)
        sink = spans.sink()
        if worker is not None:
            spans.send_to(worker.add, "vision")
        for _ in range(WORKER_PARTS):
            traceparent()
            with spans.operation("look", width=WIDTH, height=HEIGHT) as done:
                done.note(faces=1, decision="known", likeness=0.71)
        if worker is not None:
            spans.send_to(sink, "hub")
        spans.record("ring", 1, 2, trace=trace)
        spans.record("visit", 1, 2, trace=trace, is_root=True, faces=1, rings=1)


def _hear(hub: Traces, worker: SpanBuffer, codec: Codec) -> None:
    while (message := worker.take()) is not None:
        hub.worker_said("vision", codec.decode(codec.encode(message)))


# Whole daemons.


def daemons(folder: Path, rings: int) -> Iterator[tuple[str, float]]:
    """Ring at two daemons in turns; yields which and milliseconds from ring to push.

    A ring whose push was not answered within the wait of a command is left out.
    """
    with contextlib.ExitStack() as stack:
        dead = stack.enter_context(_deaf_listener())
        doors = {
            name: stack.enter_context(_door(folder / name, endpoint))
            for name, endpoint in (("plain", ""), ("traced", dead))
        }
        for _ in range(rings):
            for name, connection in doors.items():
                took_ms = _ring_to_push(connection)
                if took_ms is not None:
                    yield name, took_ms


@contextlib.contextmanager
def _deaf_listener() -> Iterator[str]:
    """Yield the address of a collector that takes connections and never answers."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(128)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}/v1/traces"


@contextlib.contextmanager
def _door(folder: Path, endpoint: str) -> Iterator[Connection]:
    porch = folder / "porch"
    porch.mkdir(parents=True)
    company = painted(porch, WIDTH, HEIGHT)
    (porch / "scene.txt").write_text(company.visitors[0].picture)
    more = f'[tracing]\nendpoint = "{endpoint}"\n'
    site = Site(porch, "console:", "fake", WIDTH, HEIGHT, RATE_FPS, more=more)
    with Trial(folder, site) as trial:
        trial.enrol(company.name, company.photos)
        with open_connection(trial.settings, roles=frozenset()) as connection:
            yield connection


def _ring_to_push(connection: Connection) -> float | None:
    took_ms = None
    for reply, _ in connection.ask(r.PressRequest()):
        if isinstance(reply, replies.Visit):
            took_ms = reply.view.timings_ms.get("push")
    return took_ms
