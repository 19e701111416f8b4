"""What a camera is to the capture stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from doorbell.core.errors import HardwareAbsentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class CameraAbsentError(HardwareAbsentError):
    """No such camera, or it was unplugged."""

    hint = "Check the ribbon cable; `rpicam-hello --list-cameras` must show one camera."


class CameraBusyError(HardwareAbsentError):
    """Another program holds the camera."""

    hint = "Find who holds it: `fuser -v /dev/video*`; stop that program."


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture from the sensor.

    Attributes:
        rgb: shape (height, width, 3), uint8, upright, masked; valid until the next
            `read`.
        mono_ns: CLOCK_MONOTONIC when the sensor saw it, as near as the source tells.
        look: the same as grey levels, 160 pixels wide before it was made upright,
            where the source has it for free; None where `rgb` must be scaled down.
    """

    rgb: NDArray[np.uint8]
    mono_ns: int
    look: NDArray[np.uint8] | None = None


class Camera(Protocol):
    """A source of frames; opened by its constructor's caller through `open`."""

    def open(self) -> str:
        """Take the device; returns a line that names it.

        Raises:
            CameraAbsentError, CameraBusyError: with a hint; may be tried again.
        """
        ...

    def read(self, timeout_s: float) -> Frame | None:
        """Return the next frame, or None if none came in time.

        Raises:
            CameraAbsentError: it is gone.
        """
        ...

    def close(self) -> None:
        """Release the device; safe at any time, more than once."""
        ...
