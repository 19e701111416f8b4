"""Which way a face looks, told from its landmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def yaw(
    one_eye: NDArray[np.float32],
    other_eye: NDArray[np.float32],
    nose: NDArray[np.float32],
) -> float:
    """Return how far the nose lies from the middle of the eyes, -1..1.

    +1 or -1: below the middle of one eye, or farther out.
    """
    across = one_eye - other_eye
    length = float(across @ across)
    if length == 0.0:
        return 0.0
    aside = float((nose - (one_eye + other_eye) / 2) @ across) / length * 2
    return max(-1.0, min(1.0, aside))
