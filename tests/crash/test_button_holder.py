"""The daemon and a button that is a process of its own: they come and go apart."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep

from doorbell.adapters.ring_journal import read_rings
from doorbell.testing.button import LineFinger
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorbell.testing.sink import Sink

pytestmark = [pytest.mark.crash, pytest.mark.timeout(30)]


class Porch(Doorstep):
    """A doorstep whose button is held by `doorbell-button`."""

    def __init__(self, folder: Path, sink: Sink) -> None:
        super().__init__(folder, sink)
        self.change(
            'source = "mock"', f'source = "mock"\nholder = "{folder}/holder.sock"'
        )
        self.holder: subprocess.Popen[bytes] | None = None
        self.finger = LineFinger(self.state / "run" / "line.sock")

    def hold(self) -> None:
        """Start the holder."""
        command = [sys.executable, "-m", "doorbell.runtime.holder"]
        with (self.folder / "holder.log").open("ab") as log:
            self.holder = subprocess.Popen(
                [*command, "--config", str(self.config)], stdout=log, stderr=log
            )
        until((self.folder / "holder.sock").exists, 10.0, "the holder listens")

    def let_go(self, number: int = signal.SIGTERM) -> int:
        """End the holder; returns its exit code."""
        assert self.holder is not None
        self.holder.send_signal(number)
        code = self.holder.wait(8.0)
        self.holder = None
        return code

    def journalled(self) -> int:
        return len(read_rings(self.state / "journal", 0).rings)


@pytest.fixture
def porch(tmp_path: Path, sink: Sink) -> Iterator[Porch]:
    one = Porch(tmp_path, sink)
    try:
        yield one
    finally:
        one.kill()
        if one.holder is not None:
            one.let_go(signal.SIGKILL)


def test_a_ring_while_no_daemon_runs_is_told_when_one_comes(porch: Porch) -> None:
    porch.hold()
    porch.finger.press()
    until(lambda: porch.journalled() == 1)
    porch.start()
    porch.told(1, 15.0)


def test_a_press_is_told_again_after_the_holder_died(porch: Porch) -> None:
    porch.hold()
    porch.start()
    porch.ready()
    assert porch.holder is not None
    assert porch.pid("button") == porch.holder.pid
    porch.let_go(signal.SIGKILL)
    # It is not the daemon's to start: it waits, and is not lost meanwhile.
    until(lambda: not porch.is_up("button"))
    porch.hold()
    until(lambda: porch.is_up("button"), 8.0)
    status = porch.status()
    assert status is not None
    # However often it knocked in vain.
    assert next(w.deaths for w in status.workers if w.role == "button") == 1
    porch.finger.press()
    porch.told(1)


def test_rings_wait_for_a_daemon_that_hangs_and_each_is_told_once(
    porch: Porch,
) -> None:
    porch.hold()
    porch.start()
    porch.ready()
    assert porch.process is not None
    porch.process.send_signal(signal.SIGSTOP)
    for _ in range(5):
        porch.finger.press()
        time.sleep(0.1)
    until(lambda: porch.journalled() == 5, 6.0, "journalled though nobody listens")
    porch.process.send_signal(signal.SIGCONT)
    until(lambda: sum(v.rings for v in porch.visits()) == 5, 8.0, "all in visits")


def test_the_end_of_the_daemon_is_not_the_end_of_the_holder(porch: Porch) -> None:
    porch.hold()
    porch.start()
    porch.ready()
    assert porch.stop() == 0
    assert porch.holder is not None
    assert porch.holder.poll() is None
    porch.finger.press()
    until(lambda: porch.journalled() == 1)
    assert porch.let_go() == 0


def test_a_second_holder_is_refused(porch: Porch) -> None:
    porch.hold()
    command = [sys.executable, "-m", "doorbell.runtime.holder", "--config"]
    second = subprocess.run(
        [*command, str(porch.config)], capture_output=True, text=True, check=False
    )
    assert second.returncode == 69
    assert "another doorbell-button runs" in second.stderr
    porch.start()
    until(lambda: porch.is_up("button"), 15.0, "the first one still listens")


def test_a_ring_by_command_goes_through_the_holder(porch: Porch) -> None:
    porch.hold()
    command = [sys.executable, "-m", "doorbell.cli.main", "--config"]
    pressed = subprocess.run(
        [*command, str(porch.config), "press", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=25,
    )
    assert pressed.returncode == 0, pressed.stderr
    assert porch.journalled() == 1


def test_without_an_address_the_program_says_what_to_set(tmp_path: Path) -> None:
    config = tmp_path / "doorbell.toml"
    config.write_text(f'[storage]\ndir = "{tmp_path}"\n')
    command = [sys.executable, "-m", "doorbell.runtime.holder", "--config"]
    said = subprocess.run(
        [*command, str(config)], capture_output=True, text=True, check=False
    )
    assert said.returncode == 78
    assert "[button] holder" in said.stderr
