"""The push button on a GPIO line, through gpiozero.

gpiozero's own `bounce_time` stays off: it delays the first edge (59 ms instead of
5-15 ms from press to callback, measured on a kernel GPIO chip). `core.press` judges
the edges instead, by the time at which the kernel saw them: the callback comes that
much later, and each time by another delay, which a press of 15 ms cannot spare.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from doorbell.adapters.gpio_lines import PinSource, let_go, taking
from doorbell.core.stamp import NS_PER_S
from doorbell.ports.button import Edge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.door import Button

# An hour of a bouncing contact would otherwise fill the memory of a stalled process.
# The newest are kept: they tell how the line is now.
EDGES_KEPT = 4096
# A line's clock that differs by more is not ours: before Linux 5.11 it was wall time.
_LATEST_NS = 10 * NS_PER_S
_PULL_UP = {"up": True, "down": False, "floating": None}


# gpiozero refers to its callback weakly.
@dataclass(slots=True, weakref_slot=True)
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
        from gpiozero import InputDevice  # noqa: PLC0415 - see gpio_lines

        chosen = self.settings
        pull_up = _PULL_UP[chosen.pull]
        # With a pull, gpiozero knows the active level by itself; here the raw level of
        # the line is looked at, whatever it is called.
        active = True if pull_up is None else None
        self.descriptor()
        try:
            self._device = InputDevice(
                chosen.pin, pull_up=pull_up, active_state=active, pin_factory=factory
            )
            self._device.pin.edges = "both"
            self._device.pin.when_changed = self._changed
        except Exception as error:  # lgpio.error is a bare Exception
            self.close()
            raise taking(chosen.pin, error) from error
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
        return self._means_pressed(self._device.pin.state)

    def settle(self) -> None:
        """Nothing is kept: what a process has not judged dies with it."""

    def close(self) -> None:
        """Release the line.

        The descriptor stays: a callback that comes late must not write into whatever
        file gets its number next.
        """
        device, self._device = self._device, None
        if device is not None:
            let_go(device)
        self._edges.clear()

    def _means_pressed(self, level: float) -> bool:
        return bool(level) == (self.settings.active == "high")

    def _changed(self, ticks: float, level: float) -> None:
        """Called by gpiozero, in a thread of its own; `ticks` is in seconds."""
        edge = Edge(self._means_pressed(level), _plausible_ns(ticks))
        self._edges.append(edge)
        os.eventfd_write(self._event_fd, 1)


def _plausible_ns(ticks: float) -> int:
    """Return the kernel's time of an edge if it is of our clock, else now."""
    now_ns, edge_ns = time.monotonic_ns(), round(ticks * NS_PER_S)
    return edge_ns if now_ns - _LATEST_NS <= edge_ns <= now_ns else now_ns
