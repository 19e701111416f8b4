"""Where a frame differs from the empty porch, so that only that part is searched.

A frame is compared as grey cells: sensor noise vanishes in their means, and a person
changes many of them. What is not here: who decides that a porch is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.decision import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Side of a cell in pixels: noise of 8 grey levels leaves 0.5 on its mean.
CELL_PX = 16
# A face in front of a wall of its own colour still has eyes and a shadow.
CHANGED = 4.0
# Beyond this share of the frame the light changed, or the camera was moved.
MOST_CHANGED = 0.6


def changed_part(
    cells: NDArray[np.uint8],
    before: NDArray[np.uint8],
    size: tuple[int, int],
    margin_px: int,
) -> Box | None:
    """Return the part of a frame in which everything lies that is new.

    Args:
        cells: of the frame: mean grey levels, each of `CELL_PX` by `CELL_PX` pixels.
        before: of the empty porch.
        size: width and height of the frame, pixels.
        margin_px: how far the part reaches beyond what changed.

    Returns:
        None when nothing changed, or so much that there is no part to speak of.
    """
    if cells.shape != before.shape:
        return None
    changed = np.abs(cells.astype(np.int16) - before) >= CHANGED
    if not changed.any():
        return None
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    width, height = size
    left, right = _reach(columns, width, margin_px)
    top, bottom = _reach(rows, height, margin_px)
    part = Box(left, top, right - left, bottom - top)
    return part if part.w * part.h <= MOST_CHANGED * width * height else None


def _reach(places: NDArray[np.intp], size: int, margin_px: int) -> tuple[int, int]:
    first, last = int(places[0]) * CELL_PX, (int(places[-1]) + 1) * CELL_PX
    # The last cell may be cut off by the edge of the frame.
    return max(0, first - margin_px), min(size, last + CELL_PX + margin_px)
