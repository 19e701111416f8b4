"""What waits in the outbox over an outage: one digest, or a dead letter."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep

from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Each starts a daemon twice.
pytestmark = [pytest.mark.crash, pytest.mark.timeout(60)]


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as one:
        yield one


@pytest.fixture
def doorstep(tmp_path: Path, sink: Sink) -> Iterator[Doorstep]:
    one = Doorstep(tmp_path, sink)
    # Nobody listens on port 1.
    one.change(sink.address, "127.0.0.1:1")
    try:
        yield one
    finally:
        one.kill()


def events(step: Doorstep, name: str) -> list[dict[str, object]]:
    """Lines of the log that tell of one kind of event."""
    lines = [line for line in step.log.read_text().splitlines() if line[:1] == "{"]
    return [line for line in map(json.loads, lines) if line["event"] == name]


def age_outbox(step: Doorstep, seconds: int) -> None:
    """Let what waits have waited longer, as if the clock had gone on."""
    with closing(sqlite3.connect(step.state / "state.db")) as connection, connection:
        connection.execute(
            "UPDATE outbox SET mono_ns = mono_ns - ?", (seconds * 10**9,)
        )


def test_a_target_that_was_down_gets_one_digest(doorstep: Doorstep, sink: Sink) -> None:
    doorstep.change("retry_max_s = 1.0", "retry_max_s = 1.0\ndigest_after_s = 5.0")
    doorstep.start()
    doorstep.ready()
    for _ in range(3):
        doorstep.press()
        time.sleep(0.6)  # beyond merge_s: three visits
    until(lambda: len(doorstep.visits()) == 3, what="three visits")
    assert doorstep.stop() == 0
    age_outbox(doorstep, 10)
    doorstep.change("127.0.0.1:1", sink.address)
    doorstep.start()
    assert sink.wait_for(1, 20.0), doorstep.tail()
    time.sleep(0.5)  # single pushes would follow now
    assert len(sink.received) == 1
    assert all(view.state == "told" for view in doorstep.visits())


def test_a_push_that_nobody_took_in_time_is_a_dead_letter(doorstep: Doorstep) -> None:
    doorstep.change("retry_max_s = 1.0", "retry_max_s = 1.0\nexpire_s = 10.0")
    doorstep.start()
    doorstep.ready()
    doorstep.press()
    until(lambda: events(doorstep, "push_answered"), what="a failure")
    assert doorstep.stop() == 0
    age_outbox(doorstep, 20)
    doorstep.start()
    (dead,) = until(lambda: events(doorstep, "notification_dead"), 20.0, "dead letter")
    assert dead["reason"] == "expired"
    assert dead["target"] == "phone"
