"""The doorbell rings itself along a visitor's way, and is in nobody's way."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from asking import ask, check, where
from PIL import Image, ImageChops, ImageStat

from doorbell.adapters.picture_render import PillowRenderer
from doorbell.adapters.ring_journal import read_rings
from doorbell.core.ring import Ring
from doorbell.core.targets import NOWHERE
from doorbell.ports.store import OutboxItem, VisitRecord
from doorbell.runtime import wiring
from doorbell.runtime.hub import Hub
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from doorstep import Doorstep

    from doorbell.core.self_test import SelfTest

# Under load the first comes through late.
pytestmark = [pytest.mark.crash, pytest.mark.timeout(60)]

LEGS = ("accepted", "decided", "delivered")


def ring_every(doorstep: Doorstep, every_s: float, stored_every: int) -> None:
    """Have it ring itself; 1440 stores none in the time of a test."""
    wanted = f"every_s = {every_s}\nstored_every = {stored_every}"
    doorstep.change("every_s = 0.0", wanted)


def started(doorstep: Doorstep) -> str:
    doorstep.start()
    doorstep.ready()
    return where(doorstep)


def counted(address: str, leg: str, outcome: str = "success") -> float:
    import urllib.request  # noqa: PLC0415 - text, where `asking` reads JSON

    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5.0) as answer:
        text = answer.read().decode()
    head = f'doorbell_synthetic_rings_total{{leg="{leg}",outcome="{outcome}"}} '
    lines = [line for line in text.splitlines() if line.startswith(head)]
    return float(lines[0].removeprefix(head)) if lines else 0.0


def failures(address: str) -> list[float]:
    """Counted failures once one came through: the first may find no camera yet."""
    until(lambda: counted(address, "delivered") >= 1, 9.0, "the first to come through")
    return [counted(address, leg, "failure") for leg in LEGS]


def rows(doorstep: Doorstep, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(doorstep.state / "state.db")) as connection:
        return connection.execute(query).fetchall()


def sources(doorstep: Doorstep) -> list[str]:
    """What rang, by the journal."""
    found = read_rings(doorstep.state / "journal", 0)
    return [ring.source for ring in found.rings]


def test_it_comes_through_and_nobody_hears_of_it(doorstep: Doorstep) -> None:
    ring_every(doorstep, 0.3, stored_every=2)
    address = started(doorstep)
    failed = failures(address)
    until(lambda: counted(address, "delivered") >= 4, 9.0, "rings that came through")
    assert all(counted(address, leg) >= 4 for leg in LEGS)
    assert failures(address) == failed
    assert check(address, "synthetic")["status"] == "healthy"
    assert doorstep.visits() == []
    assert doorstep.sink.received == []
    for event in ("visit_ring", "visit_decided", "push_answered"):
        assert event not in doorstep.log.read_text()
    # Every second one went all the way to the card.
    assert set(sources(doorstep)) == {"synthetic"}
    states = rows(doorstep, "SELECT DISTINCT state, synthetic FROM visits")
    assert ("told", 1) in states
    targets = rows(doorstep, "SELECT DISTINCT target, state FROM outbox")
    assert (NOWHERE, "sent") in targets
    assert rows(doorstep, "SELECT picture_path FROM visits WHERE picture_bytes") == []


def test_those_that_stay_in_memory_leave_nothing_on_the_card(
    doorstep: Doorstep,
) -> None:
    ring_every(doorstep, 0.2, stored_every=1440)
    address = started(doorstep)
    before = (doorstep.state / "state.db-wal").stat()
    until(lambda: counted(address, "delivered") >= 4, 9.0, "rings that came through")
    assert sources(doorstep) == []
    assert rows(doorstep, "SELECT * FROM visits") == []
    after = (doorstep.state / "state.db-wal").stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_real_presses_between_them_are_each_a_visit_of_their_own(
    doorstep: Doorstep,
) -> None:
    # A self-test is nearly always in hand, and the real merge window is closed.
    ring_every(doorstep, 0.01, stored_every=2)
    doorstep.change("merge_s = 0.3", "merge_s = 0.0")
    address = started(doorstep)
    doorstep.enrol("Anna", "anna")
    doorstep.stand("anna")
    failed = failures(address)
    for number in range(1, 9):
        # After a press the next self-test waits; meanwhile none would be in hand.
        before = counted(address, "delivered")
        until(lambda: counted(address, "delivered") > before, 9.0, "self-tests again")  # noqa: B023 - called at once
        doorstep.press()
        assert len(doorstep.told(number)) == number
    visits = doorstep.visits()
    assert [(v.rings, v.decision, v.ring.source) for v in visits] == [
        (1, "known", "mock")
    ] * 8
    assert len({v.id for v in visits}) == len(doorstep.sink.received) == 8
    assert "deadline" not in {step for v in visits for step in v.timings_ms}
    assert failures(address) == failed
    assert counted(address, "delivered", "yielded") > 0
    # The journal's cursor went past both kinds: nothing is told again after a crash.
    doorstep.kill()
    doorstep.change("every_s = 0.01", "every_s = 0.0")
    started(doorstep)
    assert len(doorstep.sink.received) == 8


def test_a_real_ring_right_after_a_self_test_does_not_join_it(
    doorstep: Doorstep,
) -> None:
    ring_every(doorstep, 0.5, stored_every=1)
    doorstep.change("merge_s = 0.3", "merge_s = 600.0")
    address = started(doorstep)
    until(lambda: counted(address, "delivered") >= 1, 9.0, "a self-test")
    doorstep.press()
    doorstep.told()
    before = counted(address, "delivered")
    until(lambda: counted(address, "delivered") > before, 9.0, "the next self-test")
    [visit] = doorstep.visits()
    assert (visit.rings, visit.ring.source) == (1, "mock")


def only_the_press_is_told(doorstep: Doorstep) -> None:
    """Ring, and see that the household hears of this ring and of no other."""
    doorstep.press()
    until(lambda: len(doorstep.visits()) == 1, what="the visit of the press")
    [visit] = doorstep.visits()
    until(lambda: any(visit.id in body for body in doorstep.told()), what="its push")
    assert [visit.id in body for body in doorstep.told()] == [True]


@pytest.mark.parametrize("stopped", ["notify", "vision"])
def test_a_kill_in_the_middle_of_it_tells_nobody_afterwards(
    doorstep: Doorstep, stopped: str
) -> None:
    doorstep.change("progress_timeout_s = 1.5", "progress_timeout_s = 20.0")
    ring_every(doorstep, 0.1, stored_every=1)
    started(doorstep)
    os.kill(doorstep.pid(stopped), signal.SIGSTOP)
    unfinished = {
        "notify": "SELECT 1 FROM outbox WHERE state = 'pending'",
        "vision": "SELECT 1 FROM visits WHERE state = 'rung'",
    }[stopped]
    until(lambda: rows(doorstep, unfinished), 9.0, "a self-test in the middle")
    doorstep.kill()
    assert rows(doorstep, unfinished), "the kill came in the middle"
    doorstep.change("every_s = 0.1", "every_s = 0.0")
    started(doorstep)
    only_the_press_is_told(doorstep)
    until(lambda: not rows(doorstep, unfinished), what="what was left is closed")


def test_a_message_of_the_day_that_a_crash_cut_off_is_not_sent_later(
    doorstep: Doorstep,
) -> None:
    ring = Ring(1, "ab" * 16, "synthetic", wiring.system_clock().now())
    visit = VisitRecord(ring.id, ring, 1, "decided", {}, synthetic=True)
    item = OutboxItem(visit.id, "visit", "phone", ring.stamp)
    with closing(wiring.open_store(doorstep.settings)) as store:
        store.open_visit(visit, [item], 0)
    started(doorstep)
    only_the_press_is_told(doorstep)
    assert rows(doorstep, "SELECT state FROM outbox ORDER BY id")[0] == ("dead",)


def test_what_fails_is_said_by_its_leg(doorstep: Doorstep) -> None:
    doorstep.change(f"folder:{doorstep.porch}", "v4l2:/dev/no-such-camera")
    ring_every(doorstep, 0.2, stored_every=1440)
    doorstep.start()
    until(lambda: doorstep.status() is not None, 6.0, "the control socket")
    address = where(doorstep)
    until(lambda: counted(address, "decided", "failure") >= 2, 8.0, "failures")
    assert counted(address, "accepted") >= 2
    assert counted(address, "decided") == 0
    failed = check(address, "synthetic")
    assert failed["status"] != "healthy"
    until(
        lambda: "the camera gave no picture" in check(address, "synthetic")["detail"],
        9.0,
        "the reason",
    )
    assert doorstep.sink.received == []
    assert ask(address, "/health/live").code == 200


async def rung_to(doorstep: Doorstep, target: str) -> SelfTest:
    hub = Hub(doorstep.settings, wiring.ROLES, os.environ)
    await hub.start()
    try:
        for role in wiring.ROLES:
            await hub.until_ready(role)
        await hub.newest_frame()
        test, _ = await hub.synthetic.ring(target=target)
        return test
    finally:
        await hub.stop()


def test_the_message_of_the_day_is_silent_and_shows_nobody(doorstep: Doorstep) -> None:
    doorstep.show("anna")
    test = asyncio.run(rung_to(doorstep, "phone"))
    assert test.came_through
    [body] = doorstep.told()
    assert '"silent": "yes"' in body
    message = json.loads(body)
    assert "Nobody rang" in message["message"]
    # Of the porch nothing is sent: the picture is the one of every test message.
    [attached] = message["attachments"]
    picture = Image.open(io.BytesIO(base64.b64decode(attached["base64"])))
    sample = Image.open(io.BytesIO(PillowRenderer().sample()))
    assert max(ImageStat.Stat(ImageChops.difference(picture, sample)).mean) < 4
