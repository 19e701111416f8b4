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
    return float(_grey(chip).mean())


def sharpness(chip: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian; 0 for one colour or under 3 pixels."""
    grey = _grey(chip)
    if min(grey.shape) < 3:  # noqa: PLR2004 - the Laplacian needs a neighbour on each side
        return 0.0
    ring = grey[1:-1, :-2] + grey[1:-1, 2:] + grey[:-2, 1:-1] + grey[2:, 1:-1]
    return float((ring - 4 * grey[1:-1, 1:-1]).var())


def _grey(chip: NDArray[np.uint8]) -> NDArray[np.float32]:
    return chip.astype(np.float32) @ _GREY
