"""From the button to the phone, through real processes."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from doorstep import Doorstep


def test_a_known_visitor_is_named(running: Doorstep) -> None:
    running.stand("anna")
    running.press()
    (body,) = running.told()
    assert "Anna" in body
    visit = running.visits()[0]
    assert visit.decision == "known"
    assert visit.faces[0].name == "Anna"
    assert visit.has_picture


def test_a_stranger_is_never_named(running: Doorstep) -> None:
    running.stand("stranger")
    running.press()
    (body,) = running.told()
    assert "Anna" not in body
    assert running.visits()[0].decision == "unknown"


def test_an_empty_porch_is_told_with_its_picture(running: Doorstep) -> None:
    running.stand("nobody")
    running.press()
    (body,) = running.told()
    assert json.loads(body)["attachments"]
    assert running.visits()[0].decision == "nobody"


def test_a_spike_rings_nobody(running: Doorstep) -> None:
    running.stand("anna")
    running.press(held_ms=3)
    time.sleep(1.5)  # longer than the deadline by which a ring would be told
    assert running.sink.received == []
    assert running.visits() == []


def test_presses_in_a_row_are_one_visit_and_one_push(running: Doorstep) -> None:
    running.stand("anna")
    for _ in range(5):
        running.press(held_ms=30)
        time.sleep(0.1)  # children press faster than adults, slower than bounce
    running.told()
    time.sleep(0.5)  # a flood would come now
    (visit,) = running.visits()
    assert visit.rings == 5
    assert len(running.sink.received) == 1


@pytest.mark.parametrize("role", ["vision", "capture", "notify", "button"])
def test_a_killed_worker_comes_back_and_the_next_ring_is_named(
    running: Doorstep, role: str
) -> None:
    before = running.pid(role)
    os.kill(before, signal.SIGKILL)
    until(lambda: running.pid(role) not in (0, before), 10.0, "a new process")
    running.ready()
    running.stand("anna")
    running.press()
    assert "Anna" in running.told()[0]


def test_a_stopped_vision_delays_no_push_beyond_the_deadline(
    running: Doorstep,
) -> None:
    running.stand("anna")
    os.kill(running.pid("vision"), signal.SIGSTOP)
    pressed_s = time.monotonic()
    running.press()
    (body,) = running.told()
    # The deadline is 1 s in these settings; half a second is the promise's margin.
    assert time.monotonic() - pressed_s < 1.5
    assert json.loads(body)["attachments"]


def test_sigterm_tells_the_visit_in_hand(running: Doorstep) -> None:
    running.stand("anna")
    running.press()
    until(lambda: "visit_ring" in running.tail(), what="the ring is heard")
    assert running.stop() == 0
    assert len(running.sink.received) == 1, running.tail()


def test_a_ring_of_a_killed_daemon_is_told_after_restart(running: Doorstep) -> None:
    running.stand("anna")
    os.kill(running.pid("notify"), signal.SIGSTOP)
    running.press()
    time.sleep(0.3)  # the ring is journalled; nobody was told
    running.kill()
    assert running.sink.received == []
    running.start()
    (body,) = running.told(within_s=8.0)
    assert body
    assert len(running.visits()) == 1
