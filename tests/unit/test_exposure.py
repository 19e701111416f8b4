"""Dark pictures are brought out, others are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from doorbell.core.chip import brightness
from doorbell.core.exposure import WANTED_MEAN, brought_out, levels
from doorbell.core.quality import DARK

RNG = np.random.default_rng(3)


def porch(
    mean: float, contrast: float = 10.0
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    shades = RNG.normal(mean, contrast, (90, 160, 3))
    return shades.clip(0, 255).astype(np.uint8)


def test_bright_picture_is_left_alone() -> None:
    assert brought_out(porch(DARK + 5)) is None


@pytest.mark.parametrize("mean", [5.0, 20.0, 50.0])
def test_dark_picture_becomes_readable(mean: float) -> None:
    dark = porch(mean, mean / 4)
    lit = brought_out(dark)
    assert lit is not None
    assert lit.shape == dark.shape
    assert lit.dtype == np.uint8
    assert brightness(lit) > max(DARK, 1.5 * brightness(dark))


def test_lamp_in_the_picture_does_not_keep_the_rest_dark() -> None:
    dark = porch(12.0, 4.0)
    dark[:20, :24] = 255
    lit = brought_out(dark)
    assert lit is not None
    # Kills: leaving out the lift of the middle.
    assert brightness(lit[30:, 30:]) > 3 * brightness(dark[30:, 30:])


def test_noise_is_smoothed() -> None:
    dark = porch(30.0, 8.0)
    lit = brought_out(dark)
    assert lit is not None
    plain = np.take(levels(dark[::8, ::8]), dark)
    # Nine pixels of noise, weighted 1-2-1: 0.375 of its deviation.
    assert lit[1:-1, 1:-1].std() < 0.5 * plain[1:-1, 1:-1].std()


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 2, 3), (1, 300, 3), (3, 3, 3)])
def test_tiny_and_black_pictures_are_taken(shape: tuple[int, ...]) -> None:
    lit = brought_out(np.zeros(shape, np.uint8))
    assert lit is not None
    assert lit.shape == shape


def test_frame_of_the_ring_is_not_written_to() -> None:
    dark = porch(20.0)
    before = dark.copy()
    dark.flags.writeable = False
    lit = brought_out(dark)
    assert lit is not None
    lit[:] = 0
    assert np.array_equal(dark, before)


@given(arrays.arrays(np.uint8, (6, 7, 3), elements=st.integers(0, 90)))
def test_order_of_levels_stays(
    sample: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> None:
    # Kills: a negative gain, a level that wraps around.
    found = levels(sample).astype(int)
    assert found.shape == (256,)
    assert (np.diff(found) >= 0).all()
    assert found[255] == 255
    assert WANTED_MEAN < 255
