"""The pictures of a folder as a live camera, for demonstrations and tests.

See `doorbell.adapters.scene` for which picture is shown when, and how to switch it.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from doorbell.adapters.orientation import Upright
from doorbell.adapters.scene import Scene
from doorbell.ports.camera import CameraAbsentError, Frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from config.door import Camera

PREFIX = "folder:"
NS_PER_S = 1_000_000_000
# Rows that share one draw from the noise field, and its numbers beyond so many rows:
# where such a band's noise may begin. A field of the whole frame took ten times the
# memory and was no better noise.
_BAND_ROWS = 64
_SLACK = 1 << 16


class Noise:
    """Sensor noise at the price of an addition.

    One field of random numbers is made once; each band of rows of each frame takes it
    from another place.
    """

    def __init__(self, shape: tuple[int, ...], sigma: float, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - sensor noise
        size = int(np.prod((_BAND_ROWS, *shape[1:]))) + _SLACK
        # OpenCV's, since numpy's generators are 3 MB of libraries.
        cv2.setRNGSeed(seed)
        levels = np.empty(size, np.int16)
        cv2.randn(levels, np.zeros(1), np.array([sigma]))
        self._lighter = levels.clip(0, 255).astype(np.uint8)
        self._darker = (-levels).clip(0, 255).astype(np.uint8)

    def add(self, picture: NDArray[np.uint8], into: NDArray[np.uint8]) -> None:
        """Write the picture with fresh noise into an array of the same shape."""
        for top in range(0, len(picture), _BAND_ROWS):
            band = picture[top : top + _BAND_ROWS]
            noisy = into[top : top + _BAND_ROWS]
            start = self._random.randrange(_SLACK)
            area = slice(start, start + band.size)
            cv2.add(band, self._lighter[area].reshape(band.shape), dst=noisy)
            cv2.subtract(noisy, self._darker[area].reshape(band.shape), dst=noisy)


class FolderCamera:
    """A folder, or one picture, as a camera of `rate_fps`."""

    def __init__(
        self,
        settings: Camera,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wait: Callable[[float], None] = time.sleep,
        seed: int = 1,
    ) -> None:
        """Remember what to show; nothing is read before `open`.

        Args:
            settings: `source` is `folder:PATH`.
            clock_ns: CLOCK_MONOTONIC.
            wait: sleeps for the given seconds.
            seed: of the noise.
        """
        self._settings = settings
        self._clock_ns = clock_ns
        self._wait = wait
        self._seed = seed
        self._upright = Upright(settings)
        self._scene: Scene | None = None
        self._noise: Noise | None = None
        self._frame = np.empty((0, 0, 3), np.uint8)
        self._opened_ns = 0
        self._last_number = -1

    def open(self) -> str:
        """List and decode; returns how many pictures there are."""
        path = Path(self._settings.source.removeprefix(PREFIX)).expanduser()
        if not path.exists():
            msg = f"there is no {path}"
            raise CameraAbsentError(msg, hint="Check the path after `folder:`.")
        scene = Scene(path, self._settings, self._upright.turned)
        _, picture = scene.showing(0.0)
        self._frame = np.empty_like(picture)
        sigma = self._settings.folder_noise
        self._noise = Noise(picture.shape, sigma, self._seed) if sigma else None
        self._opened_ns = self._clock_ns()
        self._last_number = -1
        self._scene = scene
        return f"pictures of {path} ({scene.count})"

    def read(self, timeout_s: float) -> Frame | None:
        """Return the frame of this moment, on the grid of `rate_fps`."""
        if self._scene is None:
            msg = "the folder is not open"
            raise CameraAbsentError(msg)
        if not self._is_due(timeout_s):
            return None
        now_ns = self._clock_ns()
        _, picture = self._scene.showing((now_ns - self._opened_ns) / NS_PER_S)
        if self._noise is None:
            np.copyto(self._frame, picture)
        else:
            self._noise.add(picture, self._frame)
        self._upright.mask(self._frame)
        return Frame(self._frame, now_ns)

    def close(self) -> None:
        """Forget the pictures."""
        self._scene = None
        self._noise = None

    def _is_due(self, timeout_s: float) -> bool:
        """Wait for the next frame's time; whether it came within the timeout."""
        period_ns = NS_PER_S / self._settings.rate_fps
        elapsed_ns = self._clock_ns() - self._opened_ns
        number = int(elapsed_ns / period_ns)
        if number <= self._last_number:
            number = self._last_number + 1
            missing_s = (number * period_ns - elapsed_ns) / NS_PER_S
            self._wait(min(missing_s, timeout_s))
            if missing_s > timeout_s:
                return False
        self._last_number = number
        return True
