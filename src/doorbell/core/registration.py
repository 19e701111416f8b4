"""Lay one picture of a face exactly over another.

Landmarks found in a poor frame are a pixel or two off; averaged without correction, the
eyes blur. This is the inverse compositional method of Lucas and Kanade (Baker and
Matthews, "Lucas-Kanade 20 Years On", 2004) for an affine movement, on small grey copies
brought to equal mean and deviation, so that the exposure does not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.chip import grey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Averages over cells keep the noise out. A dozen across find a movement of a tenth of
# the face, some fifty still show an eye.
CELLS = (14, 28, 50)
STEPS = 12
# In half sides: a hundredth of a cell.
STILL = 4e-4
# Landmarks are not so far off: what moves a third of a half side follows noise.
MOST_MOVED = 0.35
_SMALL = 1e-6


def movement_onto(
    reference: NDArray[np.uint8], chip: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Return the movement that lays a chip over another of the same shape.

    Returns:
        Shape (3, 3), for `warped`; that of standing still where no movement makes
        them more alike.
    """
    movement = np.eye(3)
    for cells in CELLS:
        movement = _refined(movement, _small(reference, cells), _small(chip, cells))
    target, moving = _small(reference, CELLS[-1]), _small(chip, CELLS[-1])
    is_sane = np.abs(movement - np.eye(3)).max() <= MOST_MOVED
    if is_sane and _unlike(warped(moving, movement), target) < _unlike(moving, target):
        return movement
    return np.eye(3)


def consensus(
    movements: Sequence[NDArray[np.float64]], weights: Sequence[float]
) -> NDArray[np.float64]:
    """Return where chips would lie by the landmarks of all of them.

    Each was cut out by landmarks of its own, off in its own way: their mean is nearer
    to the truth than any. Only turn, scale and shift are taken, as landmarks give them.

    Args:
        movements: that lay each chip over one of them, shape (3, 3).
        weights: of each, above 0.
    """
    mean = np.average(movements, axis=0, weights=weights)
    real, imaginary = (mean[0, 0] + mean[1, 1]) / 2, (mean[1, 0] - mean[0, 1]) / 2
    return np.array(
        [[real, -imaginary, mean[0, 2]], [imaginary, real, mean[1, 2]], [0, 0, 1]]
    )


def _small(chip: NDArray[np.uint8], wanted: int) -> NDArray[np.float32]:
    cell = max(1, chip.shape[0] // wanted)
    side = chip.shape[0] // cell
    cut = grey(chip)[: side * cell, : side * cell]
    cells = cut.reshape(side, cell, side, cell).mean(axis=(1, 3))
    return np.asarray(cells, np.float32)


def _refined(
    movement: NDArray[np.float64],
    target: NDArray[np.float32],
    moving: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Return a better affine movement, shape (3, 3), in half sides."""
    fixed = _normal(target)
    steepest = _steepest(fixed)
    square = steepest.T @ steepest
    if np.linalg.cond(square) > 1 / _SMALL:
        return movement
    for _ in range(STEPS):
        error = _normal(warped(moving, movement)) - fixed
        step = np.linalg.solve(square, steepest.T @ error.ravel())
        change = np.eye(3)
        change[:2] += step.reshape(2, 3)
        if np.linalg.cond(change) > 1 / _SMALL:
            return movement
        movement = movement @ np.linalg.inv(change)
        if np.abs(step).max() < STILL:
            break
    return movement


def _normal(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    away = cells - cells.mean()
    return np.asarray(away / max(float(away.std()), _SMALL), np.float32)


def _unlike(cells: NDArray[np.float32], fixed: NDArray[np.float32]) -> float:
    return float(np.square(_normal(cells) - _normal(fixed)).mean())


def _grid(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of each pixel in half sides from the middle."""
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    return x, y


def _steepest(fixed: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how each pixel changes with each of the six parameters."""
    height, width = fixed.shape
    x, y = _grid(height, width)
    down, across = np.gradient(fixed.astype(np.float64))
    across, down = across * (width - 1) / 2, down * (height - 1) / 2
    columns = [across * x, across * y, across, down * x, down * y, down]
    return np.stack([column.ravel() for column in columns], axis=1)


def warped(
    pixels: NDArray[np.float32], movement: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return a picture moved; its edge pixels go on outside.

    Args:
        pixels: shape (height, width) or (height, width, channels).
        movement: where each pixel comes from, two rows of three or more, in half sides.
    """
    height, width = pixels.shape[:2]
    x, y = _grid(height, width)
    from_x = movement[0, 0] * x + movement[0, 1] * y + movement[0, 2]
    from_y = movement[1, 0] * x + movement[1, 1] * y + movement[1, 2]
    column = ((from_x + 1) * (width - 1) / 2).clip(0, width - 1)
    row = ((from_y + 1) * (height - 1) / 2).clip(0, height - 1)
    left = np.minimum(column.astype(np.intp), width - 2)
    top = np.minimum(row.astype(np.intp), height - 2)
    right_share, low_share = column - left, row - top
    if pixels.ndim > 2:  # noqa: PLR2004 - a picture with channels
        right_share, low_share = right_share[..., None], low_share[..., None]
    upper = pixels[top, left] * (1 - right_share) + pixels[top, left + 1] * right_share
    lower = (
        pixels[top + 1, left] * (1 - right_share)
        + pixels[top + 1, left + 1] * right_share
    )
    return np.asarray(upper * (1 - low_share) + lower * low_share, np.float32)
