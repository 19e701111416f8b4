"""A camera whose faults are written down: `FakeCamera("ok ok stall ok gone")`."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from doorbell.ports.camera import CameraAbsentError, CameraBusyError, Frame

if TYPE_CHECKING:
    from collections.abc import Callable

READS = frozenset({"ok", "stall", "gone", "black", "frozen"})
OPENS = frozenset({"ok", "absent", "busy"})
_GREY = 128


def _words(script: str, allowed: frozenset[str]) -> deque[str]:
    words = script.split()
    strange = sorted(set(words) - allowed)
    if strange or not words:
        msg = f"a script is made of {', '.join(sorted(allowed))}; not of {strange}"
        raise ValueError(msg)
    return deque(words)


class FakeCamera:
    """Synthetic frames: a grey ground on which a bright square wanders.

    Attributes:
        opened: how often `open` succeeded.
        is_open: whether somebody holds it.
    """

    def __init__(  # noqa: PLR0913 - every one of them has a default
        self,
        script: str = "ok",
        *,
        opens: str = "ok",
        width: int = 320,
        height: int = 240,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Write down what will happen.

        Args:
            script: one word per `read`, the last for ever: `ok`, `stall` (nothing
                until the timeout), `gone` (raises, and must be opened again),
                `black`, `frozen` (the frame before once more).
            opens: one word per `open`, the last for ever: `ok`, `absent`, `busy`.
            width: pixels.
            height: pixels.
            clock_ns: CLOCK_MONOTONIC.
            wait: sleeps for the given seconds.

        Raises:
            ValueError: a word is none of these.
        """
        self._reads = _words(script, READS)
        self._opens = _words(opens, OPENS)
        self._size = (height, width)
        self._clock_ns = clock_ns
        self._wait = wait
        self._number = 0
        self._shown = 0
        self.opened = 0
        self.is_open = False

    def open(self) -> str:
        """Take the device, if the script lets us."""
        match _next(self._opens):
            case "absent":
                msg = "the script says there is no camera"
                raise CameraAbsentError(msg)
            case "busy":
                msg = "the script says somebody holds the camera"
                raise CameraBusyError(msg)
            case _:
                self.is_open = True
                self.opened += 1
                return "fake camera"

    def read(self, timeout_s: float) -> Frame | None:
        """Do what the script says next."""
        if not self.is_open:
            msg = "the fake camera is not open"
            raise CameraAbsentError(msg)
        match _next(self._reads):
            case "stall":
                self._wait(timeout_s)
                return None
            case "gone":
                self.is_open = False
                msg = "the script says the camera was unplugged"
                raise CameraAbsentError(msg)
            case "black":
                return Frame(np.zeros((*self._size, 3), np.uint8), self._clock_ns())
            case "frozen":
                return self._frame(self._shown)
            case _:
                self._number += 1
                return self._frame(self._number)

    def close(self) -> None:
        """Release the device."""
        self.is_open = False

    def _frame(self, number: int) -> Frame:
        self._shown = number
        height, width = self._size
        rgb = np.full((height, width, 3), _GREY, np.uint8)
        side = max(min(height, width) // 4, 1)
        x = number * 7 % max(width - side, 1)
        y = number * 3 % max(height - side, 1)
        rgb[y : y + side, x : x + side] = 255
        return Frame(rgb, self._clock_ns())


def _next(script: deque[str]) -> str:
    return script.popleft() if len(script) > 1 else script[0]
