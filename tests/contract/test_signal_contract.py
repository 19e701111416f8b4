"""What every chime and light keeps: one at a time, ended in time, never waited for."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.button_mock import mock_pins
from doorbell.adapters.chime import CommandChime
from doorbell.adapters.gpio_lines import OutputPulse
from doorbell.core.errors import UnavailableError
from doorbell.testing.signal import FakeSignal

if TYPE_CHECKING:
    from pathlib import Path

    from doorbell.ports.signal import Signal

NS = 1_000_000_000
SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


@pytest.fixture(params=["fake", "command", "relay"])
def signal(request: pytest.FixtureRequest) -> Signal:
    made: dict[str, Signal] = {
        "fake": FakeSignal(on_s=2.0),
        "command": CommandChime(SLEEP, timeout_s=2.0),
        "relay": OutputPulse(22, 2.0, mock_pins()),
    }
    return made[request.param]


def test_one_sounds_at_a_time_and_ends_in_time(signal: Signal) -> None:
    assert signal.turn(0) is None
    assert signal.start(0)
    assert not signal.start(NS)
    wait_s = signal.turn(NS)
    assert wait_s is not None
    assert 0 < wait_s <= 1.0
    assert signal.turn(2 * NS) is None
    assert signal.start(3 * NS)
    signal.close()
    signal.close()
    assert signal.turn(3 * NS) is None


def test_thousand_rings_start_one_program(tmp_path: Path) -> None:
    code = f"import os, time; os.mkdir('{tmp_path}/%d' % os.getpid()); time.sleep(60)"
    chime = CommandChime([sys.executable, "-S", "-c", code], timeout_s=60.0)
    started = sum(chime.start(n * NS // 100) for n in range(1000))
    chime.close()
    assert started == 1
    assert len(list(tmp_path.iterdir())) <= 1


def test_program_that_ended_may_sound_again() -> None:
    chime = CommandChime(["true"], timeout_s=5.0)
    for _ in range(3):
        assert chime.start(0)
        deadline_s = time.monotonic() + 5
        while chime.turn(0) is not None:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
    chime.close()


def test_program_is_ended_with_all_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    chime = CommandChime(
        [
            "sh",
            "-c",
            f"sleep 60 & echo $! > {pid_file}.new; mv {pid_file}.new {pid_file}; wait",
        ],
        timeout_s=1.0,
    )
    chime.start(0)
    deadline_s = time.monotonic() + 5
    while not pid_file.exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    chime.turn(1 * NS)
    child = int(pid_file.read_text())
    while os.path.exists(f"/proc/{child}") and "Z" not in _state(child):  # noqa: PTH110 - a process
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - a process
            return file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


@pytest.mark.parametrize("command", [["/no/such/chime"], ["/etc/passwd"], ["a\0b"]])
def test_program_that_cannot_start_is_a_clear_error(command: list[str]) -> None:
    chime = CommandChime(command, timeout_s=1.0)
    with pytest.raises(UnavailableError, match="chime") as caught:
        chime.start(0)
    assert "[chime] command" in caught.value.hint
    assert chime.turn(0) is None
