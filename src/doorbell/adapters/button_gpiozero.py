"""The push button on a GPIO line, through gpiozero.

gpiozero's own `bounce_time` stays off: it delays the first edge (59 ms instead of
5-15 ms from press to callback, measured on a kernel GPIO chip). `core.press` judges
the edges instead.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from doorbell.adapters.gpio_lines import PinSource, taking
from doorbell.ports.button import Edge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.sections import Button

# An hour of a bouncing contact would otherwise fill the memory of a stalled process.
# The newest are kept: they tell how the line is now.
EDGES_KEPT = 4096
_PULL_UP = {"up": True, "down": False, "floating": None}


@dataclass(slots=True)
class GpioButton:
    """A button as `[button]` describes it.

    Attributes:
        settings: pin, pull and active level.
        pins: where lines come from: `gpio_lines.lgpio_pins`, or a mock's.
    """

    settings: Button
    pins: PinSource
    _edges: deque[Edge] = field(
        default_factory=lambda: deque(maxlen=EDGES_KEPT), init=False
    )
    _event_fd: int = field(default=-1, init=False)
    _device: Any = field(default=None, init=False)

    def open(self) -> str:
        """Take the line; raises HardwareAbsentError, and may be called again."""
        factory = self.pins()
        from gpiozero import DigitalInputDevice  # noqa: PLC0415 - see gpio_lines

        chosen = self.settings
        pull_up = _PULL_UP[chosen.pull]
        active = chosen.active == "high" if pull_up is None else None
        self.descriptor()
        try:
            device = DigitalInputDevice(
                chosen.pin, pull_up=pull_up, active_state=active, pin_factory=factory
            )
        except Exception as error:  # lgpio.error is a bare Exception
            raise taking(chosen.pin, error) from error
        rise, fall = self._pressed, self._released
        if self._is_inverted:
            rise, fall = fall, rise
        device.when_activated, device.when_deactivated = rise, fall
        self._device = device
        return f"GPIO{chosen.pin}, pull {chosen.pull}, active {chosen.active}"

    def descriptor(self) -> int:
        """Readable while edges wait; always the same, also over `close` and `open`."""
        if self._event_fd < 0:
            self._event_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        return self._event_fd

    def edges(self) -> Sequence[Edge]:
        """Take the edges that came since, oldest first."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.descriptor())
        taken = []
        while self._edges:
            taken.append(self._edges.popleft())
        return taken

    def is_pressed(self) -> bool:
        """The level now; False while the line is not ours."""
        if self._device is None:
            return False
        return bool(self._device.is_active) != self._is_inverted

    def close(self) -> None:
        """Release the line.

        The descriptor stays: a callback that comes late must not write into whatever
        file gets its number next.
        """
        if self._device is not None:
            self._device.close()
            self._device = None
        self._edges.clear()

    @property
    def _is_inverted(self) -> bool:
        """With a pull, gpiozero takes the other level for active; ours may differ."""
        idle = {"up": "high", "down": "low"}.get(self.settings.pull)
        return idle == self.settings.active

    def _pressed(self) -> None:
        self._note(Edge(pressed=True, mono_ns=time.monotonic_ns()))

    def _released(self) -> None:
        self._note(Edge(pressed=False, mono_ns=time.monotonic_ns()))

    def _note(self, edge: Edge) -> None:
        """Called by gpiozero, in a thread of its own."""
        self._edges.append(edge)
        os.eventfd_write(self._event_fd, 1)
