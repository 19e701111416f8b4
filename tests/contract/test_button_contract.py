"""What every button keeps: the fake, gpiozero's on mock pins, and the pressed mock.

In the device VM also gpiozero's with lgpio on a GPIO chip of the kernel.
"""

from __future__ import annotations

import select
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from device_world import LINE_FOLDER, SimulatedLine, why_no_device

from config.door import Button as ButtonSettings
from doorbell.adapters.button_gpiozero import GpioButton
from doorbell.adapters.button_line import ChipLine, LineButton
from doorbell.adapters.button_mock import MockButton, mock_pins
from doorbell.adapters.gpio_lines import LineBusyError, OutputPulse, lgpio_pins
from doorbell.adapters.line_socket import SocketLine
from doorbell.core.errors import HardwareAbsentError, UnavailableError
from doorbell.testing.button import FakeButton, LineFinger, press, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from doorbell.ports.button import Button, Edge

WIRINGS = [
    f"{pull}-{active}"
    for pull in ("up", "down", "floating")
    for active in ("low", "high")
]
ON_DEVICE = [
    pytest.param(f"{kind}-{wiring}", marks=pytest.mark.device)
    for kind in ("chip", "line")
    for wiring in WIRINGS
]
# No finger is faster, and the simulated chip makes one edge of two that are.
FINGER_S = 0.05
chip_pins = lgpio_pins(LINE_FOLDER)


@dataclass
class Bench:
    """A button and the finger on it."""

    button: Button
    drive: Callable[[bool], None]


def gpio_bench(pull: str, active: str) -> Bench:
    settings = msgspec.convert({"pull": pull, "active": active}, ButtonSettings)
    pins = mock_pins()
    pin = pins().pin(settings.pin)

    def drive(pressed: bool) -> None:
        pin.drive_high() if pressed == (active == "high") else pin.drive_low()

    return Bench(GpioButton(settings, pins), drive)


def chip_bench(pull: str, active: str) -> Bench:
    if reason := why_no_device():
        pytest.skip(reason)
    settings = msgspec.convert({"pull": pull, "active": active}, ButtonSettings)
    line = SimulatedLine(settings.pin)

    def drive(pressed: bool) -> None:
        line.drive(high=pressed == (active == "high"))
        time.sleep(FINGER_S)

    drive(False)
    return Bench(GpioButton(settings, chip_pins), drive)


class NothingKept:
    """A service manager that keeps no descriptor."""

    def keep(self, name: str, fd: int) -> None:
        """It is ours alone."""

    def kept(self, name: str) -> int | None:
        """Nothing was."""


def line_bench(tmp_path: Path, pull: str, active: str) -> Bench:
    """The holder's button, on the same simulated chip."""
    if reason := why_no_device():
        pytest.skip(reason)
    settings = msgspec.convert({"pull": pull, "active": active}, ButtonSettings)
    line, page = SimulatedLine(settings.pin), tmp_path / "edges"

    def drive(pressed: bool) -> None:
        line.drive(high=pressed == (active == "high"))
        time.sleep(FINGER_S)

    drive(False)
    button = LineButton(ChipLine(settings), page, NothingKept(), "b0" * 16)
    return Bench(button, drive)


def socket_bench(tmp_path: Path) -> Bench:
    """The holder's button, on a socket that stands for the chip."""
    path, page = tmp_path / "line.sock", tmp_path / "edges"
    finger = LineFinger(path)

    def drive(pressed: bool) -> None:
        finger.edge(pressed=pressed)

    button = LineButton(SocketLine(path), page, NothingKept(), "b0" * 16)
    return Bench(button, drive)


def fake_bench() -> Bench:
    button = FakeButton()
    return Bench(
        button,
        lambda pressed: button.drive(pressed=pressed, mono_ns=time.monotonic_ns()),
    )


def mock_bench(tmp_path: Path) -> Bench:
    path = tmp_path / "run" / "button.sock"
    button = MockButton(ButtonSettings(source="mock"), path)
    return Bench(button, lambda pressed: tell(path, "down" if pressed else "up"))


@pytest.fixture(params=["fake", "mock", "socket", *WIRINGS, *ON_DEVICE])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    match request.param.split("-"):
        case ["fake"]:
            made = fake_bench()
        case ["mock"]:
            made = mock_bench(tmp_path)
        case ["socket"]:
            made = socket_bench(tmp_path)
        case ["chip", *wiring]:
            made = chip_bench(*wiring)
        case ["line", *wiring]:
            made = line_bench(tmp_path, *wiring)
        case wiring:
            made = gpio_bench(*wiring)
    yield made
    made.button.close()


def opened(bench: Bench) -> Button:
    """Take the line with nobody pressing."""
    assert bench.button.open()
    if not isinstance(bench.button, MockButton):
        # A simulated pin follows its pull; a real one follows the wire.
        bench.drive(False)
        bench.button.edges()
    return bench.button


def wait_for_edges(button: Button, count: int) -> list[Edge]:
    """Return that many edges, as a loop that waits on the descriptor gets them."""
    got: list[Edge] = []
    while len(got) < count:
        ready, _, _ = select.select([button.descriptor()], [], [], 5.0)
        assert ready, f"only {len(got)} edges came"
        got += button.edges()
    return got


def test_edges_come_in_order_dated_within_their_time(bench: Bench) -> None:
    button = opened(bench)
    before_ns = time.monotonic_ns()
    for pressed in (True, False, True, False):
        bench.drive(pressed)
    edges = wait_for_edges(button, 4)
    assert [edge.pressed for edge in edges] == [True, False, True, False]
    times = [before_ns, *(edge.mono_ns for edge in edges), time.monotonic_ns()]
    assert times == sorted(times)


def test_descriptor_is_readable_only_while_edges_wait(bench: Bench) -> None:
    button = opened(bench)
    assert select.select([button.descriptor()], [], [], 0)[0] == []
    bench.drive(True)
    wait_for_edges(button, 1)
    assert select.select([button.descriptor()], [], [], 0)[0] == []
    assert not button.edges()


def test_level_is_known_without_an_edge(bench: Bench) -> None:
    button = opened(bench)
    assert not button.is_pressed()
    bench.drive(True)
    wait_for_edges(button, 1)
    assert button.is_pressed()


def test_line_can_be_taken_again_after_close(bench: Bench) -> None:
    button = opened(bench)
    descriptor = button.descriptor()
    button.close()
    button.close()
    assert not button.is_pressed()
    opened(bench)
    assert button.descriptor() == descriptor
    bench.drive(True)
    assert wait_for_edges(button, 1)[0].pressed


def test_line_held_by_somebody_else_is_said_with_a_hint() -> None:
    pins = mock_pins()
    first = GpioButton(ButtonSettings(), pins)
    first.open()
    with pytest.raises(LineBusyError, match="GPIO17") as caught:
        GpioButton(ButtonSettings(), pins).open()
    assert "gpioinfo" in caught.value.hint
    first.close()


def test_busy_line_can_be_taken_later_though_its_error_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # gpiozero reserves a pin before it takes it, and forgets that with the object.
    pins = mock_pins()

    def busy(name: str) -> None:
        # As gpiozero does: it looks among the pins it has, then takes a new one.
        try:
            raise KeyError(name)  # noqa: TRY301 - as gpiozero
        except KeyError:
            msg = "GPIO busy"
            raise OSError(msg)  # noqa: B904 - as gpiozero

    button = GpioButton(ButtonSettings(), pins)
    monkeypatch.setattr(pins(), "pin", busy)
    with pytest.raises(LineBusyError) as caught:
        button.open()
    monkeypatch.undo()
    assert button.open()
    assert "GPIO17" in str(caught.value)
    button.close()


def test_line_that_cannot_be_let_go_properly_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # lgpio's own thread may still look at the line when it is claimed for a plain
    # input, and then the kernel says that it is busy.
    pins = mock_pins()
    button = GpioButton(ButtonSettings(), pins)
    button.open()

    def busy_once() -> None:
        monkeypatch.undo()
        msg = "GPIO busy"
        raise OSError(msg)

    monkeypatch.setattr(pins().pin(17), "_disable_event_detect", busy_once)
    button.close()
    assert button.open()
    button.close()


def test_pin_that_no_pi_has_is_said_with_a_hint() -> None:
    with pytest.raises(HardwareAbsentError, match="GPIO53") as caught:
        GpioButton(ButtonSettings(pin=53), mock_pins()).open()
    assert "pin" in caught.value.hint


def test_machine_without_gpio_is_absent_hardware_and_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LG_WD", str(tmp_path))
    if list(Path("/dev").glob("gpiochip*")):
        pytest.skip("this machine has a GPIO chip")
    button = GpioButton(ButtonSettings(), lgpio_pins(tmp_path))
    for _ in range(2):
        with pytest.raises(HardwareAbsentError, match="no GPIO lines") as caught:
            button.open()
        assert caught.value.exit_code == 75
        assert "gpioinfo" in caught.value.hint


def test_mock_presses_as_long_as_told_and_each_apart(tmp_path: Path) -> None:
    bench = mock_bench(tmp_path)
    button = opened(bench)
    path = tmp_path / "run" / "button.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    for _ in range(2):
        press(path, 30)
    tell(path, "press a lot")
    edges = wait_for_edges(button, 4)
    held_ms = [
        (up.mono_ns - down.mono_ns) / 1e6
        for down, up in zip(edges[::2], edges[1::2], strict=True)
    ]
    assert min(held_ms) >= 30
    assert edges[2].mono_ns - edges[1].mono_ns > 40_000_000
    button.close()
    assert not path.exists()
    with pytest.raises(UnavailableError):
        press(path)


def test_output_goes_off_in_time_and_releases_its_line() -> None:
    pins = mock_pins()
    pin = pins().pin(22)
    relay = OutputPulse(22, 0.4, pins)
    assert relay.start(0)
    assert pin.state
    assert not relay.start(100_000_000)
    assert relay.turn(100_000_000) == pytest.approx(0.3)
    assert relay.turn(400_000_000) is None
    assert not pin.state
    assert relay.start(500_000_000)
    relay.close()
    assert pin.function == "input"
    again = OutputPulse(22, 0.4, pins)
    assert again.start(0)
    again.close()


def test_light_stays_on_with_every_ring() -> None:
    light = OutputPulse(23, 2.0, mock_pins(), extends=True)
    assert light.start(0)
    assert light.start(1_000_000_000)
    assert light.turn(2_500_000_000) == pytest.approx(0.5)
    assert light.turn(3_000_000_000) is None
    light.close()
