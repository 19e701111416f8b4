"""A face seen a moment ago is the one that stands there, or it is nobody's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.continuity import find, patch_of
from doorbell.core.decision import Box

BOX = Box(120, 60, 80, 80)


def porch(seed: int, dx: int = 0, dy: int = 0, noise: float = 0.0) -> np.ndarray:
    """A grey porch with one blotchy face, shifted."""
    rng = np.random.default_rng(seed)
    # Blotches as large as eyes and a mouth, with soft edges.
    coarse = np.pad(rng.integers(0, 255, (5, 5)).astype(float), 1, mode="edge")
    at = np.linspace(0.5, 5.5, 80)
    low, part = at.astype(int), at % 1
    rows = coarse[low] * (1 - part)[:, None] + coarse[low + 1] * part[:, None]
    face = rows[:, low] * (1 - part) + rows[:, low + 1] * part
    frame = np.full((240, 320), 110.0)
    y, x = BOX.y + dy, BOX.x + dx
    frame[y : y + BOX.h, x : x + BOX.w] = face
    frame += np.random.default_rng(99).normal(0, noise, frame.shape)
    return np.repeat(np.clip(frame, 0, 255)[..., None], 3, axis=2).astype(np.uint8)


@given(st.integers(-30, 30), st.integers(-30, 30), st.floats(0, 8))
def test_a_visitor_who_moves_a_little_is_found_again(
    dx: int, dy: int, noise: float
) -> None:
    """Kills mutants that look in the old place only, or swap rows and columns."""
    patch = patch_of(porch(1), BOX)
    assert patch is not None
    found = find(patch, porch(1, dx, dy, noise))
    assert found is not None
    assert abs(found.x - (BOX.x + dx)) <= 5
    assert abs(found.y - (BOX.y + dy)) <= 5


@given(st.integers(2, 500))
def test_another_face_in_the_same_place_is_not_the_same(seed: int) -> None:
    """Kills the mutant without a threshold."""
    patch = patch_of(porch(1), BOX)
    assert patch is not None
    assert find(patch, porch(seed)) is None


def test_a_visitor_who_left_is_not_found() -> None:
    patch = patch_of(porch(1), BOX)
    assert patch is not None
    assert find(patch, np.full((240, 320, 3), 110, np.uint8)) is None


def test_a_face_half_outside_the_frame_makes_no_patch() -> None:
    assert patch_of(porch(1), Box(300, 60, 80, 80)) is None


def test_one_colour_makes_no_patch() -> None:
    assert patch_of(np.full((240, 320, 3), 7, np.uint8), BOX) is None
