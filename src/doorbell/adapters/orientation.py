"""Turn, mirror and mask what a sensor delivers, as the settings say.

Order: rotate clockwise, then mirror what is upright, then black out the masks; so
"horizontal" and the masks' fractions mean the picture as people see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from config.door import Camera

Polygon = list[tuple[float, float]]

_ROTATIONS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
# cv2.flip: 1 around the vertical axis, 0 around the horizontal, -1 around both.
_FLIPS = {"horizontal": 1, "vertical": 0, "both": -1}


class _Patch(NamedTuple):
    """The part of a frame that holds masked pixels, and which of them are."""

    rows: slice
    columns: slice
    hidden: NDArray[np.bool_]


def _patches(polygons: Sequence[Polygon], width: int, height: int) -> list[_Patch]:
    """Work the masks out once for one size of frame.

    A pixel touched by a polygon's edge is hidden: better a little too much.
    """
    found = []
    for polygon in polygons:
        points = np.array(polygon, np.float64) * (width, height)
        canvas = np.zeros((height, width), np.uint8)
        cv2.fillPoly(canvas, [np.floor(points).astype(np.int32)], 1)
        rows, columns = np.nonzero(canvas)
        if rows.size:
            area = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            found.append(_Patch(*area, canvas[area].astype(np.bool_)))
    return found


class Upright:
    """Makes frames of one camera upright and hides what must not be seen."""

    def __init__(self, settings: Camera) -> None:
        self._rotate = settings.rotate
        self._flip = settings.flip
        self._masks = settings.masks
        self._known: dict[tuple[int, int], list[_Patch]] = {}

    def turned(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the picture upright, the same array if there is nothing to turn.

        Args:
            picture: shape (height, width) or (height, width, channels).
        """
        if self._rotate:
            picture = np.asarray(
                cv2.rotate(picture, _ROTATIONS[self._rotate]), np.uint8
            )
        if self._flip != "none":
            picture = np.asarray(cv2.flip(picture, _FLIPS[self._flip]), np.uint8)
        return picture

    def mask(self, picture: NDArray[np.uint8]) -> None:
        """Black out the masks in an upright picture, in place."""
        if not self._masks:
            return
        height, width = picture.shape[:2]
        patches = self._known.get((width, height))
        if patches is None:
            patches = _patches(self._masks, width, height)
            self._known[width, height] = patches
        for rows, columns, hidden in patches:
            picture[rows, columns][hidden] = 0

    def finished(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the picture upright and masked; the argument may be changed."""
        upright = self.turned(picture)
        self.mask(upright)
        return upright
