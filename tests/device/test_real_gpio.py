"""gpiozero and lgpio on a GPIO chip of the kernel: what the contract cannot ask."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from device_world import LINE_FOLDER, SimulatedLine, why_no_device

from config.door import Button as ButtonSettings
from config.production.production_settings import ProductionSettings
from doorbell.adapters.button_gpiozero import GpioButton
from doorbell.adapters.clock import SystemClock
from doorbell.adapters.gpio_lines import LineBusyError, OutputPulse, lgpio_pins
from doorbell.adapters.ring_journal import RingJournal, read_rings
from doorbell.core.errors import HardwareAbsentError
from doorbell.stages.button import ButtonStage
from doorbell.stages.messages import ButtonState, PressBegan, PressVoid, Rung
from doorbell.testing.outlet import RecordingOutlet
from doorbell.testing.signal import FakeSignal
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(bool(why_no_device()), reason=why_no_device()),
]

PIN, RELAY = 17, 22
pins = lgpio_pins(LINE_FOLDER)


@pytest.fixture
def line() -> SimulatedLine:
    """The wire of the button, nobody pressing."""
    wire = SimulatedLine(PIN)
    wire.drive(high=True)
    return wire


@pytest.fixture
def button(line: SimulatedLine) -> Iterator[GpioButton]:
    del line
    one = GpioButton(ButtonSettings(pin=PIN), pins)
    one.open()
    yield one
    one.close()


def keep_interpreter_busy(seconds: float) -> None:
    """Let no other thread of Python run meanwhile."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(10)
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        pass
    sys.setswitchinterval(before)


def test_edges_bear_the_kernels_time_however_busy_the_interpreter_is(
    button: GpioButton, line: SimulatedLine
) -> None:
    line.drive(high=False)
    keep_interpreter_busy(0.2)
    line.drive(high=True)
    edges = []
    until(lambda: edges.extend(button.edges()) or len(edges) == 2)
    assert [edge.pressed for edge in edges] == [True, False]
    assert (edges[1].mono_ns - edges[0].mono_ns) / 1e6 > 150


def test_taking_a_line_leaves_the_working_directory_alone(tmp_path: Path) -> None:
    # In a process of its own: lgpio changes it when it is imported.
    program = (
        "import os, sys, pathlib\n"
        "from doorbell.adapters.gpio_lines import lgpio_pins\n"
        "lgpio_pins(pathlib.Path(sys.argv[1]))()\n"
        "print(os.getcwd())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "lines")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()) == tmp_path
    assert (tmp_path / "lines").is_dir()
    assert [one.name for one in tmp_path.iterdir()] == ["lines"]


def test_line_of_another_program_is_busy_until_that_ends(line: SimulatedLine) -> None:
    del line
    pin = 27
    other = subprocess.Popen(["/usr/bin/gpioset", "-c", "gpiochip0", f"{pin}=1"])
    until(lambda: SimulatedLine(pin).is_high(), what="gpioset holds the line")
    button = GpioButton(ButtonSettings(pin=pin), pins)
    try:
        for _ in range(2):
            with pytest.raises(LineBusyError, match="GPIO27") as caught:
                button.open()
            assert "gpioinfo" in caught.value.hint
    finally:
        other.kill()
        other.wait()
    assert button.open()
    button.close()


def test_line_of_a_closed_button_is_free_for_other_programs(tmp_path: Path) -> None:
    # In a process of its own with one chip opened once, as the button's worker is.
    program = (
        "import pathlib, sys\n"
        "from config.door import Button\n"
        "from doorbell.adapters.button_gpiozero import GpioButton\n"
        "from doorbell.adapters.gpio_lines import lgpio_pins\n"
        "button = GpioButton(Button(pin=24), lgpio_pins(pathlib.Path(sys.argv[1])))\n"
        "for _ in range(3):\n"
        "    print(button.open(), flush=True)\n"
        "    sys.stdin.readline()\n"
        "    button.close()\n"
        "    print('closed', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    line = SimulatedLine(24)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        for _ in range(3):
            assert worker.stdout.readline().startswith("GPIO24")
            assert line.is_held()
            worker.stdin.write("\n")
            worker.stdin.flush()
            assert worker.stdout.readline() == "closed\n"
            # A thread of lgpio that waits for edges keeps it a moment longer.
            until(lambda: not line.is_held())
            worker.stdin.write("\n")
            worker.stdin.flush()


def test_pin_that_the_header_has_not_is_said_with_a_hint() -> None:
    with pytest.raises(HardwareAbsentError, match="GPIO53") as caught:
        GpioButton(ButtonSettings(pin=53), pins).open()
    assert "BCM" in caught.value.hint


def test_relay_closes_and_opens_again() -> None:
    relay, wire = OutputPulse(RELAY, 0.4, pins), SimulatedLine(RELAY)
    assert relay.start(0)
    assert wire.is_high()
    assert relay.turn(400_000_000) is None
    assert not wire.is_high()
    assert relay.start(500_000_000)
    assert wire.is_high()
    relay.close()


class Door:
    """The button stage on the real line, with a real journal and a real relay."""

    def __init__(self, folder: Path, button: GpioButton) -> None:
        numbers = count(1)
        self.journal = folder / "journal"
        self.outlet = RecordingOutlet()
        self.stage = ButtonStage(
            msgspec.convert({}, ProductionSettings),
            button=button,
            journal=RingJournal(self.journal),
            chime=OutputPulse(RELAY, 0.4, pins),
            led=FakeSignal(),
            clock=SystemClock(),
            new_id=lambda: f"{next(numbers):032x}",
        )
        self.stage.start(self.outlet)

    def until(self, kind: type, number: int = 1) -> None:
        def turned() -> bool:
            self.stage.turn(time.monotonic())
            return len(self.outlet.of(kind)) >= number

        until(turned, what=f"{number} of {kind.__name__}: {self.outlet.sent}")


@pytest.fixture
def door(tmp_path: Path, button: GpioButton) -> Iterator[Door]:
    button.close()
    one = Door(tmp_path, button)
    yield one
    one.stage.close()


def test_press_becomes_a_ring_on_disk_and_closes_the_relay(
    door: Door, line: SimulatedLine
) -> None:
    assert door.outlet.of(ButtonState)[-1].line == "ok"
    line.drive(high=False)
    door.until(PressBegan)
    door.until(Rung)
    assert SimulatedLine(RELAY).is_high()
    line.drive(high=True)
    (told,) = door.outlet.of(Rung)
    assert told.ring.durable
    (kept,) = read_rings(door.journal, 0).rings
    assert kept.id == told.ring.id
    began = door.outlet.of(PressBegan)[0].stamp
    assert kept.stamp.mono_ns == began.mono_ns


def test_three_presses_are_three_rings(door: Door, line: SimulatedLine) -> None:
    for number in range(1, 4):
        line.drive(high=False)
        door.until(Rung, number)
        line.drive(high=True)
        # The contact's own settling time, and the news of the release.
        end_s = time.monotonic() + 0.2
        until(lambda end_s=end_s: door.stage.turn(0) and time.monotonic() > end_s)
    assert len(read_rings(door.journal, 0).rings) == 3


def test_spike_rings_nobody(door: Door, line: SimulatedLine) -> None:
    line.drive(high=False)
    time.sleep(0.003)
    line.drive(high=True)
    # The simulated chip may take both edges for none; then nothing began.
    end_s = time.monotonic() + 0.5
    until(lambda: door.stage.turn(0) is not None and time.monotonic() > end_s)
    began, void = door.outlet.of(PressBegan), door.outlet.of(PressVoid)
    assert len(began) == len(void)
    assert not door.outlet.of(Rung)
    assert not read_rings(door.journal, 0).rings
