"""What a frame looks like at a glance: light, sharpness, motion, sameness.

Everything is measured on a grey copy 160 pixels wide: some 0.5 ms a frame on a PC.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from doorbell.ports.camera import Frame

LOOK_WIDTH = 160
# Rows of the full frame that tell whether it is the same picture: sensor noise in
# them alone makes two pictures of a live camera differ.
_FINGERPRINT_ROWS = 16


class Glance(NamedTuple):
    """The numbers of a `FrameRef`, and a fingerprint equal only for equal pictures."""

    sharpness: float
    brightness: float
    motion: float
    fingerprint: int


def grey_copy(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return grey levels, at most `LOOK_WIDTH` pixels wide, proportions kept."""
    height, width = rgb.shape[:2]
    look_width = min(width, LOOK_WIDTH)
    size = (look_width, max(look_width * height // width, 1))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def fingerprint(rgb: NDArray[np.uint8]) -> int:
    """Return a checksum over rows spread over the frame."""
    step = max(rgb.shape[0] // _FINGERPRINT_ROWS, 1)
    return zlib.crc32(np.ascontiguousarray(rgb[::step]).data)


class Eye:
    """Remembers the last look, to tell motion."""

    def __init__(self) -> None:
        self._before: NDArray[np.uint8] | None = None

    def forget(self) -> None:
        """Begin anew: the next frame shows no motion."""
        self._before = None

    def look(self, frame: Frame) -> Glance:
        """Measure a frame."""
        grey = grey_copy(frame.rgb) if frame.look is None else frame.look
        edges = cv2.Laplacian(grey, cv2.CV_32F)
        _, deviation = cv2.meanStdDev(edges)
        glance = Glance(
            sharpness=float(deviation[0, 0]) ** 2,
            brightness=float(cv2.mean(grey)[0]),
            motion=self._motion(grey),
            fingerprint=fingerprint(frame.rgb),
        )
        self._before = grey
        return glance

    def _motion(self, grey: NDArray[np.uint8]) -> float:
        before = self._before
        if before is None or before.shape != grey.shape:
            return 0.0
        return float(cv2.norm(grey, before, cv2.NORM_L1)) / grey.size
