"""The holder's side of the hub: never waits, and forgets only what a journal holds."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from config.production.production_settings import ProductionSettings
from doorbell.core.errors import UnavailableError
from doorbell.core.ring import Ring
from doorbell.core.stamp import Stamp
from doorbell.runtime.hub_side import UNTOLD, HubSide, listen
from doorbell.runtime.link import Link
from doorbell.stages.directions import FromWorker
from doorbell.stages.messages import (
    Beat,
    Configure,
    CursorMoved,
    Ready,
    RequestRing,
    Rung,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STAMP = Stamp("b0" * 16, 1, 2, synced=True)


class Door:
    """A holder's side that listens, and hubs that come."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "holder.sock"
        self.side = HubSide(listen(self.path))
        self.side.detail = "a line"
        self.hubs: list[socket.socket] = []

    def hub(self) -> Link:
        """Let a hub come in."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.settimeout(5.0)
        sock.connect(str(self.path))
        self.hubs.append(sock)
        assert self.side.admit()
        return Link(sock, FromWorker)

    def close(self) -> None:
        """End all of it."""
        self.side.close()
        for sock in self.hubs:
            sock.close()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    one = Door(tmp_path)
    yield one
    one.close()


def rung(number: int, *, durable: bool) -> Rung:
    seq = number if durable else 0
    return Rung(ring=Ring(seq, f"{number:032x}", "gpio", STAMP, durable=durable))


def test_a_hub_is_greeted_and_told(door: Door) -> None:
    hub = door.hub()
    door.side.send(rung(1, durable=True))
    assert hub.receive() == (Ready(detail="a line"), [])
    assert hub.receive() == (rung(1, durable=True), [])


def test_what_no_journal_holds_waits_for_the_next_hub(door: Door) -> None:
    for number in range(1, UNTOLD + 3):
        door.side.send(rung(number, durable=False))
    door.side.send(rung(999, durable=True))
    hub = door.hub()
    assert hub.receive() == (Ready(detail="a line"), [])
    # The oldest are given up; a durable one is found in the journal.
    told = [hub.receive() for _ in range(UNTOLD)]
    assert told == [(rung(n, durable=False), []) for n in range(3, UNTOLD + 3)]


def test_the_newest_hub_is_the_one(door: Door) -> None:
    old, new = door.hub(), door.hub()
    door.side.busy(1.0)
    assert old.receive() == (Ready(detail="a line"), [])
    assert old.receive() is None
    assert new.receive() == (Ready(detail="a line"), [])
    assert new.receive() == (Beat(within_s=1.0), [])


def test_a_hub_that_does_not_read_is_hung_up_on(door: Door) -> None:
    door.hub()
    for number in range(10_000):
        door.side.send(rung(number, durable=True))
        if len(door.side.descriptors()) == 1:
            return
    pytest.fail("a hub that hangs would stall the button")


def test_a_message_of_a_later_release_is_passed_over(door: Door) -> None:
    hub = door.hub()
    hub.send(Configure(settings=ProductionSettings(), slot_size=1, slots=1))
    hub.send(CursorMoved(seq=4))
    hub.send(RequestRing(request=1, source="command"))
    wanted = [CursorMoved(seq=4), RequestRing(request=1, source="command")]
    assert list(door.side.heard()) == wanted


def test_the_end_of_a_hub_is_no_trouble(door: Door) -> None:
    door.hub()
    door.hubs[0].close()
    assert list(door.side.heard()) == []
    assert len(door.side.descriptors()) == 1
    door.side.send(rung(1, durable=True))


def test_the_socket_is_for_its_user_alone(door: Door) -> None:
    assert door.path.stat().st_mode & 0o777 == 0o600
    assert door.path.stat().st_uid == os.geteuid()


def test_a_path_that_is_no_sockets_is_said_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot listen") as caught:
        listen(tmp_path / ("x" * 200))
    assert "[button] holder" in caught.value.hint
