"""A button without a Pi: gpiozero's mock pins, pressed through a socket.

The socket exists only with `button.source = "mock"`; whoever may write into the run
folder may press. It takes datagrams `down`, `up` and `press 200ms` and drives the
mock pin, so that from the pin on everything is the code of the real button.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from doorbell.adapters.button_gpiozero import GpioButton
from doorbell.core.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from config.door import Button
    from doorbell.adapters.gpio_lines import PinSource
    from doorbell.ports.button import Edge

log = logging.getLogger("doorbell.button")

_PRESS = re.compile(rb"press (\d{1,8})ms\s*")
_LINE_BYTES = 64
# Two presses in a row are two, however fast they were sent: longer than any release
# that the press rules take for a tremble under the default settings.
_REST_S = 0.045


def mock_pins() -> PinSource:
    """Return a source of mock lines, always the same ones."""
    factories: list[Any] = []

    def pins() -> Any:  # noqa: ANN401 - gpiozero ships no types
        from gpiozero.pins.mock import MockFactory  # noqa: PLC0415 - see gpio_lines

        if not factories:
            factories.append(MockFactory())
        return factories[0]

    return pins


@dataclass(slots=True)
class MockButton:
    """`GpioButton` on a mock pin, and the socket that presses it.

    Attributes:
        socket_path: made when the line is taken, mode 0600, removed at close.
    """

    settings: Button
    socket_path: Path
    pins: PinSource = field(default_factory=mock_pins)
    _button: GpioButton = field(init=False)
    _finger: _Finger | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._button = GpioButton(self.settings, self.pins)

    def open(self) -> str:
        """Take the mock line and listen."""
        line = self._button.open()
        if self._finger is None:
            pin = self.pins().pin(self.settings.pin)
            is_low = self.settings.active == "low"
            drive = (pin.drive_low, pin.drive_high)
            down, up = drive if is_low else drive[::-1]
            up()
            self._finger = _Finger(_listen(self.socket_path), down, up)
            self._finger.start()
        return f"mock of {line}, pressed through {self.socket_path}"

    def descriptor(self) -> int:
        """Readable while edges wait."""
        return self._button.descriptor()

    def edges(self) -> Sequence[Edge]:
        """Take the edges that came since."""
        return self._button.edges()

    def is_pressed(self) -> bool:
        """The level now."""
        return self._button.is_pressed()

    def settle(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Stop listening and release the line."""
        if self._finger is not None:
            self._finger.stop()
            self.socket_path.unlink(missing_ok=True)
            self._finger = None
        self._button.close()


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        # Bound under another name until only we can write to it.
        unready = path.with_name(path.name + ".new")
        unready.unlink(missing_ok=True)
        listener.bind(str(unready))
        unready.chmod(0o600)
        unready.rename(path)
    except OSError as error:
        listener.close()
        msg = f"cannot make the mock button's socket {path}: {error}"
        raise UnavailableError(msg) from error
    return listener


class _Finger(threading.Thread):
    """Presses the mock pin as told; edges come from its thread, as lgpio's do."""

    def __init__(self, listener: socket.socket, down: Any, up: Any) -> None:  # noqa: ANN401 - gpiozero ships no types
        super().__init__(name="mock-finger", daemon=True)
        self._listener = listener
        self._down, self._up = down, up
        self._stop_fd = os.eventfd(0, os.EFD_CLOEXEC)

    def run(self) -> None:
        """Take lines until told to stop."""
        while True:
            sources = [self._listener.fileno(), self._stop_fd]
            ready, _, _ = select.select(sources, [], [])
            if self._stop_fd in ready:
                return
            self._obey(self._listener.recv(_LINE_BYTES))

    def stop(self) -> None:
        """End the thread; a press in hand is cut short."""
        os.eventfd_write(self._stop_fd, 1)
        self.join()
        self._listener.close()
        os.close(self._stop_fd)

    def _obey(self, line: bytes) -> None:
        held = _PRESS.fullmatch(line)
        if held:
            self._down()
            self._rest(int(held[1]) / 1000)
            self._up()
            self._rest(_REST_S)
        elif line.strip() == b"down":
            self._down()
        elif line.strip() == b"up":
            self._up()
        else:
            log.warning("mock_button_line_ignored", extra={"bytes": len(line)})

    def _rest(self, seconds: float) -> None:
        """Wait, unless told to stop."""
        deadline_s = time.monotonic() + seconds
        while (left_s := deadline_s - time.monotonic()) > 0:
            with contextlib.suppress(InterruptedError):
                if select.select([self._stop_fd], [], [], left_s)[0]:
                    return
