"""Whether the face seen in one frame is still the one that stands there in another.

A small copy of the face is looked for around the place where it was. That is no
recognition: it only says that the picture there has not become another one, so that a
passer-by seen a moment ago lends her name to nobody who steps into her place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.decision import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

# More levels make faces of two people less alike, at more cost.
PATCH_SIDE = 16
# How far a head may have moved between two frames, in widths of its box.
REACH = 0.5
# Correlation from which it is the same face at the same moment. Photographs of two
# people laid over each other stay below 0.875 in 999 of 1000 pairs; a shifted, turned,
# relit and noisy copy of the same photograph has a median of 0.94
# (400 people of LFW; tests/accuracy/test_continuity_on_faces.py repeats it on some).
SAME_FACE = 0.88


@dataclass(frozen=True, slots=True)
class Patch:
    """A face in few pixels and where it was.

    Attributes:
        levels: shape (PATCH_SIDE, PATCH_SIDE, 3), float32, zero mean over all
            channels together, so that another colour is another picture; unit length.
        box: in pixels of its frame.
    """

    levels: NDArray[np.float32]
    box: Box


def patch_of(rgb: NDArray[np.uint8], box: Box) -> Patch | None:
    """Cut a patch; None if the box is not wholly in the frame or shows one colour."""
    height, width = rgb.shape[:2]
    if box.x < 0 or box.y < 0 or box.x + box.w > width or box.y + box.h > height:
        return None
    sampled = _sampled(rgb, box, PATCH_SIDE)
    levels = sampled - sampled.mean()
    length = float(np.linalg.norm(levels))
    return Patch(levels / length, box) if length > 0 else None


def find(patch: Patch, rgb: NDArray[np.uint8]) -> Box | None:
    """Return where the patch is now, or None when it is not there any more.

    Args:
        patch: of an earlier frame of the same camera.
        rgb: a frame, shape (height, width, 3).
    """
    reach = round(REACH * PATCH_SIDE)
    side = PATCH_SIDE + 2 * reach
    window = _window(patch.box)
    field = _sampled(rgb, window, side)
    scores = _correlations(field, patch.levels)
    row, column = np.unravel_index(int(np.argmax(scores)), scores.shape)
    if scores[row, column] < SAME_FACE:
        return None
    box = patch.box
    return Box(
        window.x + round(int(column) * box.w / PATCH_SIDE),
        window.y + round(int(row) * box.h / PATCH_SIDE),
        box.w,
        box.h,
    )


def _correlations(
    field: NDArray[np.float32], levels: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return how well the patch fits at each place of the field, -1..1."""
    count = levels.size
    views = np.lib.stride_tricks.sliding_window_view(field, levels.shape)[:, :, 0]
    # The patch has no mean, so that of the view falls out of the product.
    products: NDArray[np.float32] = np.einsum("ijklc,klc->ij", views, levels)
    sums = views.sum(axis=(2, 3, 4))
    squares = np.einsum("ijklc,ijklc->ij", views, views)
    spread = np.sqrt(np.maximum(squares - sums * sums / count, 0.0))
    fit = np.zeros(products.shape, np.float32)
    np.divide(products, spread, out=fit, where=spread >= 1.0)
    return fit


def _window(box: Box) -> Box:
    wide, high = round(REACH * box.w), round(REACH * box.h)
    return Box(box.x - wide, box.y - high, box.w + 2 * wide, box.h + 2 * high)


def _sampled(rgb: NDArray[np.uint8], box: Box, side: int) -> NDArray[np.float32]:
    """Return a box as `side` by `side` pixels; what is outside repeats the edge.

    Each is the mean of a few, so that noise does not count.
    """
    height, width = rgb.shape[:2]
    fine = side * 4
    rows = box.y + (np.arange(fine) + 0.5) * box.h / fine
    columns = box.x + (np.arange(fine) + 0.5) * box.w / fine
    row_index = np.clip(rows.astype(np.intp), 0, height - 1)
    column_index = np.clip(columns.astype(np.intp), 0, width - 1)
    pixels = rgb[np.ix_(row_index, column_index)]
    means = pixels.reshape(side, 4, side, 4, 3).mean(axis=(1, 3))
    return np.asarray(means, np.float32)
