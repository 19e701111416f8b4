"""Whether the face seen in one frame is still the one that stands there in another.

A patch of grey levels is looked for around the place where it was. That is no
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
PATCH_SIDE = 24
# How far a head may have moved between two frames, in widths of its box.
REACH = 0.5
# Correlation from which it is the same face at the same moment. Of 400 photographs
# laid over each other 999 in 1000 pairs of two people stay below 0.84; a shifted,
# turned, relit and noisy copy of the same photograph has a median of 0.91
# (tests/accuracy/test_continuity_on_faces.py).
SAME_FACE = 0.85


@dataclass(frozen=True, slots=True)
class Patch:
    """A face's grey levels and where it was.

    Attributes:
        grey: shape (PATCH_SIDE, PATCH_SIDE), float32, zero mean, unit length.
        box: in pixels of its frame.
    """

    grey: NDArray[np.float32]
    box: Box


def patch_of(rgb: NDArray[np.uint8], box: Box) -> Patch | None:
    """Cut a patch; None if the box is not wholly in the frame or shows one colour."""
    height, width = rgb.shape[:2]
    if box.x < 0 or box.y < 0 or box.x + box.w > width or box.y + box.h > height:
        return None
    grey = _sampled(rgb, box, PATCH_SIDE)
    levels = grey - grey.mean()
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
    views = np.lib.stride_tricks.sliding_window_view(field, (PATCH_SIDE, PATCH_SIDE))
    levels = views - views.mean(axis=(2, 3), keepdims=True)
    lengths = np.sqrt(np.square(levels).sum(axis=(2, 3)))
    products = np.einsum("ijkl,kl->ij", levels, patch.grey)
    scores = np.divide(
        products, lengths, out=np.zeros_like(products), where=lengths > 0
    )
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


def _window(box: Box) -> Box:
    wide, high = round(REACH * box.w), round(REACH * box.h)
    return Box(box.x - wide, box.y - high, box.w + 2 * wide, box.h + 2 * high)


def _sampled(rgb: NDArray[np.uint8], box: Box, side: int) -> NDArray[np.float32]:
    """Return a box as `side` by `side` grey levels; what is outside repeats the edge.

    Each level is the mean of a few pixels, so that noise does not count.
    """
    height, width = rgb.shape[:2]
    fine = side * 4
    rows = box.y + (np.arange(fine) + 0.5) * box.h / fine
    columns = box.x + (np.arange(fine) + 0.5) * box.w / fine
    row_index = np.clip(rows.astype(np.intp), 0, height - 1)
    column_index = np.clip(columns.astype(np.intp), 0, width - 1)
    grey = rgb[np.ix_(row_index, column_index)].mean(axis=2, dtype=np.float32)
    return grey.reshape(side, 4, side, 4).mean(axis=(1, 3), dtype=np.float32)
