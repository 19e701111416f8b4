"""Only what differs from the empty porch is searched, and all of that."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.backdrop import CELL_PX, MOST_CHANGED, changed_part

ROWS, COLUMNS = 45, 80
SIZE = (COLUMNS * CELL_PX, ROWS * CELL_PX)
PORCH = np.full((ROWS, COLUMNS), 100, np.uint8)


def test_still_porch_has_no_new_part() -> None:
    assert changed_part(PORCH, PORCH.copy(), SIZE, 60) is None


def test_noise_is_nothing_new() -> None:
    grains = np.random.default_rng(1).integers(-1, 2, PORCH.shape)
    noisy = (PORCH + grains).astype(np.uint8)
    assert changed_part(noisy, PORCH, SIZE, 60) is None


def test_another_light_is_no_part_to_speak_of() -> None:
    assert changed_part(PORCH + 40, PORCH, SIZE, 60) is None


def test_another_size_of_frame_is_not_compared() -> None:
    assert changed_part(PORCH[:-1], PORCH, SIZE, 60) is None


@given(
    x=st.integers(0, COLUMNS - 8),
    y=st.integers(0, ROWS - 8),
    w=st.integers(1, 8),
    h=st.integers(1, 8),
    darker=st.booleans(),
)
def test_all_that_changed_lies_in_the_part_with_its_margin(
    x: int, y: int, w: int, h: int, *, darker: bool
) -> None:
    """Kills a comparison of unsigned numbers, swapped axes, and a lost last cell."""
    cells = PORCH.copy()
    cells[y : y + h, x : x + w] += np.uint8(200 if darker else 20)
    part = changed_part(cells, PORCH, SIZE, 60)
    assert part is not None
    assert part.x <= max(0, x * CELL_PX - 60)
    assert part.y <= max(0, y * CELL_PX - 60)
    assert part.x + part.w >= min(SIZE[0], (x + w) * CELL_PX + 60)
    assert part.y + part.h >= min(SIZE[1], (y + h) * CELL_PX + 60)
    assert part.x >= 0
    assert part.y >= 0
    assert part.x + part.w <= SIZE[0]
    assert part.y + part.h <= SIZE[1]
    assert part.w * part.h <= MOST_CHANGED * SIZE[0] * SIZE[1]
