"""Make a dark picture readable: stretch its levels and smooth its noise.

What is shown and stored stays as the camera saw it, and so does what is said of it: a
face that had to be brought out of the dark is still "too dark" where it is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.chip import brightness
from doorbell.core.quality import DARK

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Every eighth pixel of every eighth row tells enough of a picture's levels.
_STEP = 8
# A lamp in the picture must not keep the rest dark, nor single dead pixels count.
_BLACK_PERCENTILE, _WHITE_PERCENTILE = 1.0, 99.0
# Beyond this, noise is all there is.
MAX_GAIN = 16.0
# Where the mean is to come to, of 255: the middle of well exposed photographs.
WANTED_MEAN = 110.0
_LEAST_GAMMA = 0.45
_LEVELS = 256


def brought_out(rgb: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return a dark picture with its levels stretched and its noise smoothed.

    Returns:
        None when the picture is bright enough as it is.
    """
    sample = rgb[::_STEP, ::_STEP]
    if brightness(sample) >= DARK:
        return None
    return _smoothed(np.take(levels(sample), rgb))


def levels(sample: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what each level 0..255 becomes, from some of a picture's pixels."""
    low, high = np.percentile(sample, (_BLACK_PERCENTILE, _WHITE_PERCENTILE))
    gain = min(MAX_GAIN, 255.0 / max(float(high - low), 1.0))
    stretched = ((np.arange(_LEVELS) - low) * gain / 255.0).clip(0, 1)
    mean = float(stretched[sample].mean())
    # What a lamp in the picture left dark is lifted in the middle.
    lift = np.log(WANTED_MEAN / 255.0) / np.log(min(max(mean, 1e-3), 0.99))
    return np.asarray(stretched ** min(1.0, max(_LEAST_GAMMA, lift)) * 255, np.uint8)


def _smoothed(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture under a 3 by 3 Gaussian; the outermost pixels stay."""
    if min(rgb.shape[:2]) < 3:  # noqa: PLR2004 - a pixel needs a neighbour on each side
        return rgb
    wide = rgb.astype(np.uint16)
    across = wide[:, :-2] + wide[:, 2:]
    across += wide[:, 1:-1]
    across += wide[:, 1:-1]
    both = across[:-2] + across[2:]
    both += across[1:-1]
    both += across[1:-1]
    both >>= 4
    rgb = rgb.copy()
    rgb[1:-1, 1:-1] = both
    return rgb
