"""A worker reports what it measured without ever waiting for the hub."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from config.production.production_settings import ProductionSettings
from doorbell.runtime.link import Link, pair
from doorbell.runtime.reporting import Reporter
from doorbell.stages.directions import FromWorker
from doorbell.stages.watching import Observe
from monitoring.logging.security import recorder
from monitoring.metrics import recording

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = ProductionSettings(profile="testing")


class Worker:
    """A reporter, and the hub's end of its link."""

    def __init__(self) -> None:
        ours, theirs = pair()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        self.hub = Link(ours, FromWorker)
        self.link = Link(theirs, FromWorker)
        self.reporter = Reporter(self.link)
        self.reporter.begin("vision", SETTINGS)
        self._hub_socket = ours

    def heard(self) -> list[recording.Observation]:
        self._hub_socket.settimeout(0.0)
        found: list[recording.Observation] = []
        while True:
            try:
                got = self.hub.receive()
            except BlockingIOError:
                return found
            assert got is not None
            assert isinstance(got[0], Observe)
            found += got[0].observations


@pytest.fixture
def worker() -> Iterator[Worker]:
    one = Worker()
    yield one
    recording.send_to(None)
    recorder.forward_to(None)
    one.link.close()
    one.hub.close()


def test_what_was_recorded_is_sent_with_the_next_round(worker: Worker) -> None:
    recording.record_stage("detect", "vision", 0.02)
    recording.record_counter("doorbell_frames_total", exemplar={"visit_id": "a"})
    worker.reporter.flush()
    first, second = worker.heard()
    assert (first.name, first.value) == ("pipeline_processing_duration_seconds", 0.02)
    assert first.labels == {"stage": "detect", "worker_id": "vision"}
    assert (second.kind, second.exemplar) == ("counter", {"visit_id": "a"})


def test_nothing_is_sent_when_nothing_was_recorded(worker: Worker) -> None:
    worker.reporter.flush()
    assert worker.heard() == []


@pytest.mark.timeout(3)
def test_a_hub_that_does_not_read_keeps_no_worker_waiting(worker: Worker) -> None:
    for number in range(900):
        recording.record_gauge("doorbell_threads", number, {"worker_id": "vision"})
        worker.reporter.flush()
    heard = worker.heard()
    worker.reporter.flush()
    heard += worker.heard()
    while heard[-1].value != 899:
        worker.reporter.flush()
        heard += worker.heard()
    assert [one.value for one in heard] == list(range(900))


def test_a_hub_that_is_gone_is_an_error_of_the_link(worker: Worker) -> None:
    worker.hub.close()
    recording.record_counter("doorbell_frames_total")
    with pytest.raises(BrokenPipeError):
        worker.reporter.flush()
