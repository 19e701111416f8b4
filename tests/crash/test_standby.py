"""A slot that waits its turn: warm, harmless, and at the door in one step."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorstep import Doorstep

pytestmark = [pytest.mark.crash, pytest.mark.timeout(60)]


class SecondSlot:
    """Another daemon on the same state, started as the guard would have it."""

    def __init__(self, doorstep: Doorstep, folder: Path) -> None:
        self._doorstep = doorstep
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(str(folder / "second.sock"))
        self._manager.setblocking(False)
        self._log = (folder / "second.log").open("wb")
        self.log = folder / "second.log"
        self.said: list[str] = []
        words = ["--config", str(doorstep.config), "run", "--standby"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "doorbell.cli.main", *words],
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, "NOTIFY_SOCKET": self._manager.getsockname()},
            start_new_session=True,
        )

    def has_said(self, text: str) -> bool:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.said += self._manager.recv(4096).decode().splitlines()
        return any(line.startswith(text) for line in self.said)

    def warm(self) -> None:
        until(lambda: self.has_said("READY=1"), 25.0, f"warm: {self.log.read_text()}")

    def take_over(self) -> None:
        self.process.send_signal(signal.SIGUSR1)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        self._manager.close()
        self._log.close()


@pytest.fixture
def second(running: Doorstep, tmp_path: Path) -> Iterator[SecondSlot]:
    one = SecondSlot(running, tmp_path)
    try:
        yield one
    finally:
        one.end()


def workers_of(pid: int) -> set[str]:
    listed = subprocess.run(
        ["ps", "--ppid", str(pid), "-o", "args="],  # noqa: S607 - of the system
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {
        line.split("doorbell.runtime.worker ")[1].split()[0]
        for line in listed.splitlines()
        if "doorbell.runtime.worker" in line
    }


def test_a_standby_is_warm_and_takes_nothing(
    running: Doorstep, second: SecondSlot
) -> None:
    second.warm()
    assert second.has_said("STATUS=standby")
    assert workers_of(second.process.pid) == {"capture", "notify", "vision"}
    assert "camera_opened" not in second.log.read_text()
    running.stand("anna")
    running.press()
    assert any("Anna" in body for body in running.told(1))


def test_the_door_changes_hands_and_the_next_ring_is_told(
    running: Doorstep, second: SecondSlot
) -> None:
    second.warm()
    old = running.status()
    assert old is not None
    second.take_over()
    assert running.stop() == 0
    until(lambda: running.is_up("button", "capture", "vision", "notify"), 15.0, "up")
    status = running.status()
    assert status is not None
    assert {w.pid for w in status.workers}.isdisjoint({w.pid for w in old.workers})
    running.stand("anna")
    running.press()
    assert any("Anna" in body for body in running.told(1, 10.0))


def test_a_standby_waits_until_the_other_has_let_go(
    running: Doorstep, second: SecondSlot
) -> None:
    second.warm()
    second.take_over()
    until(lambda: second.has_said("STATUS=standby: waits"), 5.0, "waits")
    running.press()
    assert running.told(1)
    assert second.process.poll() is None


def test_a_killed_slot_is_replaced_without_a_loaded_model_being_lost(
    running: Doorstep, second: SecondSlot
) -> None:
    second.warm()
    second.take_over()
    until(lambda: second.has_said("STATUS=standby: waits"), 5.0, "waits")
    began_s = time.monotonic()
    running.kill()
    until(lambda: "took_over" in second.log.read_text(), 5.0, "took over")
    assert time.monotonic() - began_s < 1.0
    until(lambda: running.is_up("button", "vision"), 15.0, "up")


def test_a_standby_ends_at_once_when_told_to(
    running: Doorstep, second: SecondSlot
) -> None:
    second.warm()
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(8.0) == 0
    assert running.is_up("button", "vision")


def test_a_release_that_cannot_open_the_state_never_stands_by(
    doorstep: Doorstep, tmp_path: Path
) -> None:
    doorstep.start()
    doorstep.ready()
    doorstep.stop()
    database = doorstep.state / "state.db"
    database.write_bytes(b"SQLite format 3\0" + bytes(4080))
    second = SecondSlot(doorstep, tmp_path)
    try:
        assert second.process.wait(20.0) != 0
        assert not second.has_said("READY")
    finally:
        second.end()


def test_a_standby_says_on_a_port_of_its_own_that_it_is_not_the_door(
    doorstep: Doorstep, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    doorstep.change("127.0.0.1:0", f"127.0.0.1:{port - 1}")
    second = SecondSlot(doorstep, tmp_path)
    try:
        second.warm()
        with pytest.raises(HTTPError) as refused:
            urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=3)
        view = json.load(refused.value)
        refused.value.close()
        assert refused.value.code == 503
        assert view["status"] == "standby"
    finally:
        second.end()
