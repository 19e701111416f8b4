"""The pictures of a folder, letterboxed once and kept while there is room.

Which picture is shown: the one named in the folder's `scene.txt`, if that file exists
and is not empty (write it anew to switch the scene at will); otherwise each in the
order of its name, for its dwell.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from doorbell.ports.camera import CameraAbsentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from config.door import Camera

log = logging.getLogger("doorbell.camera")

SCENE_FILE = "scene.txt"
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
# What is around a picture that does not fill the frame: neither black nor a face.
BACKGROUND = 110
CACHE_BYTES = 32 * 1024 * 1024
# A photograph of 24 million pixels has some 10 MB.
FILE_LIMIT_BYTES = 64 * 1024 * 1024
_PIXEL_LIMIT = 100_000_000

_EMPTY_HINT = "Put JPEG or PNG pictures into the folder."


class BadPictureError(Exception):
    """A file of the folder cannot be shown; the message says why."""


def decode(path: Path) -> NDArray[np.uint8]:
    """Read a picture as RGB, turned upright as its EXIF data says.

    Raises:
        BadPictureError: unreadable, no picture, or too large.
    """
    try:
        if path.stat().st_size > FILE_LIMIT_BYTES:
            msg = "the file is too large"
            raise BadPictureError(msg)
        data = np.frombuffer(path.read_bytes(), np.uint8)
        bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error) as error:
        msg = f"it cannot be read ({type(error).__name__})"
        raise BadPictureError(msg) from error
    if bgr is None:
        msg = "it is no picture"
        raise BadPictureError(msg)
    if bgr.shape[0] * bgr.shape[1] > _PIXEL_LIMIT:
        msg = "it has too many pixels"
        raise BadPictureError(msg)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def letterbox(
    rgb: NDArray[np.uint8], width: int, height: int, share: float
) -> NDArray[np.uint8]:
    """Centre a picture on a neutral frame.

    Args:
        rgb: of any size.
        width: of the frame, pixels.
        height: of the frame, pixels.
        share: how much of the frame's width or height it may fill, 0..1.
    """
    scale = share * min(width / rgb.shape[1], height / rgb.shape[0])
    w = max(round(rgb.shape[1] * scale), 1)
    h = max(round(rgb.shape[0] * scale), 1)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    frame = np.full((height, width, 3), BACKGROUND, np.uint8)
    x, y = (width - w) // 2, (height - h) // 2
    frame[y : y + h, x : x + w] = cv2.resize(rgb, (w, h), interpolation=way)
    return frame


class Scene:
    """Which picture of the folder is before the camera at a moment."""

    def __init__(
        self,
        path: Path,
        settings: Camera,
        turned: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    ) -> None:
        """List the pictures.

        Args:
            path: a folder, or one picture.
            settings: size, share, dwell and loop.
            turned: makes a frame upright; runs once per picture.

        Raises:
            CameraAbsentError: nothing there, or no picture that can be shown.
        """
        self._settings = settings
        self._turned = turned
        self._folder = path if path.is_dir() else path.parent
        self._cache: OrderedDict[str, NDArray[np.uint8]] = OrderedDict()
        self._bad: set[str] = set()
        self._written: tuple[int, int] | None = None
        self._chosen = ""
        self._names = self._listed(path)
        self._look_for_orders()
        if self._chosen:
            # What proved that there is something to show may never be shown.
            self._cache.clear()

    def _listed(self, path: Path) -> list[str]:
        try:
            candidates = sorted(path.iterdir()) if path.is_dir() else [path]
        except OSError as error:
            msg = f"the folder {path} cannot be read"
            raise CameraAbsentError(msg, hint=_EMPTY_HINT) from error
        names = [p.name for p in candidates if p.suffix.lower() in SUFFIXES]
        while names and self._picture(names[0]) is None:
            names.pop(0)
        if not names:
            msg = f"there is no picture in {path}"
            raise CameraAbsentError(msg, hint=_EMPTY_HINT)
        return names

    @property
    def count(self) -> int:
        """How many files look like pictures."""
        return len(self._names)

    def showing(self, elapsed_s: float) -> tuple[str, NDArray[np.uint8]]:
        """Return the name of the picture to show and the frame; do not change it.

        Args:
            elapsed_s: since the camera was opened.

        Raises:
            CameraAbsentError: every picture is gone or bad by now.
        """
        self._look_for_orders()
        chosen = self._picture(self._chosen) if self._chosen else None
        if chosen is not None:
            return self._chosen, chosen
        turn = int(elapsed_s / self._settings.folder_dwell_s)
        for step in range(len(self._names)):
            name = self._names[self._place(turn + step)]
            picture = self._picture(name)
            if picture is not None:
                return name, picture
        msg = f"every picture in {self._folder} is gone"
        raise CameraAbsentError(msg, hint=_EMPTY_HINT)

    def _place(self, turn: int) -> int:
        if self._settings.folder_loop:
            return turn % len(self._names)
        return min(turn, len(self._names) - 1)

    def _look_for_orders(self) -> None:
        path = self._folder / SCENE_FILE
        try:
            found = path.stat()
            written = (found.st_mtime_ns, found.st_ino)
            if written == self._written:
                return
            words = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            self._written, self._chosen = None, ""
            return
        self._written = written
        # Only names of this folder: a settings file must not make us read elsewhere.
        self._chosen = Path(words).name
        self._bad.discard(self._chosen)

    def _picture(self, name: str) -> NDArray[np.uint8] | None:
        if name in self._cache:
            self._cache.move_to_end(name)
            return self._cache[name]
        if name in self._bad:
            return None
        try:
            picture = decode(self._folder / name)
        except BadPictureError as error:
            self._bad.add(name)
            log.warning("picture_skipped", extra={"file": name, "reason": str(error)})
            return None
        self._keep(name, picture)
        return self._cache[name]

    def _keep(self, name: str, picture: NDArray[np.uint8]) -> None:
        config = self._settings
        frame = letterbox(picture, config.width, config.height, config.folder_scale)
        upright = self._turned(frame)
        while self._cache and (len(self._cache) + 1) * upright.nbytes > CACHE_BYTES:
            self._cache.popitem(last=False)
        self._cache[name] = upright
