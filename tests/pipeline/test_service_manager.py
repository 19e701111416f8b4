"""What a service manager hears: ready when the sockets are bound, alive, ending."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorstep import Doorstep

pytestmark = pytest.mark.timeout(20)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify.sock"))
        sock.settimeout(8.0)
        yield sock


def heard(manager: socket.socket, key: str) -> str:
    """Listen until a datagram holds this key; returns its value."""
    while True:
        for line in manager.recv(4096).decode().splitlines():
            name, _, value = line.partition("=")
            if name == key:
                return value


def test_ready_comes_once_commands_are_answered(
    doorstep: Doorstep, manager: socket.socket
) -> None:
    doorstep.start(NOTIFY_SOCKET=manager.getsockname())
    assert heard(manager, "READY") == "1"
    assert doorstep.status() is not None


def test_the_watchdog_is_fed_and_the_status_is_told(
    doorstep: Doorstep, manager: socket.socket
) -> None:
    doorstep.start(NOTIFY_SOCKET=manager.getsockname(), WATCHDOG_USEC="400000")
    assert heard(manager, "READY") == "1"
    assert heard(manager, "WATCHDOG") == "1"
    assert "camera" in heard(manager, "STATUS")


def test_the_end_is_announced_before_it_comes(
    doorstep: Doorstep, manager: socket.socket
) -> None:
    doorstep.start(NOTIFY_SOCKET=manager.getsockname())
    heard(manager, "READY")
    assert doorstep.stop() == 0
    assert heard(manager, "STOPPING") == "1"


def test_a_bad_file_ends_with_78_and_every_mistake(doorstep: Doorstep) -> None:
    doorstep.config.write_text('[buton]\npin = 3\n[camera]\nwidth = "wide"\n')
    doorstep.start()
    assert doorstep.process is not None
    assert doorstep.process.wait(5.0) == 78
    log = doorstep.tail()
    assert "buton" in log
    assert "did you mean" in log
    assert "width" in log
