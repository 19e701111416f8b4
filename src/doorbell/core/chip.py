"""What can be measured on an aligned face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# ITU-R BT.601, as every JPEG.
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def brightness(chip: NDArray[np.uint8]) -> float:
    """Return the mean grey level, 0..255."""
    return float(grey(chip).mean())


def sharpness(chip: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian; 0 for one colour or under 3 pixels."""
    levels = grey(chip)
    if min(levels.shape) < 3:  # noqa: PLR2004 - the Laplacian needs a neighbour on each side
        return 0.0
    ring = levels[1:-1, :-2] + levels[1:-1, 2:] + levels[:-2, 1:-1] + levels[2:, 1:-1]
    return float((ring - 4 * levels[1:-1, 1:-1]).var())


def grey(chip: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the grey levels, 0..255."""
    return chip.astype(np.float32) @ _GREY
