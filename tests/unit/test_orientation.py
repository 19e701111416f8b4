"""The door is upright, and what is masked is nowhere."""

from __future__ import annotations

import numpy as np
import pytest

from config.door import Camera
from doorbell.adapters.orientation import Upright

# A frame told by its corners: top left 1, top right 2, bottom left 3, bottom right 4.
FRAME = np.zeros((4, 6, 3), np.uint8)
FRAME[0, 0], FRAME[0, -1], FRAME[-1, 0], FRAME[-1, -1] = 1, 2, 3, 4


def corners(settings: Camera) -> list[int]:
    turned = Upright(settings).turned(FRAME)
    return [int(turned[y, x, 0]) for y in (0, -1) for x in (0, -1)]


@pytest.mark.parametrize(
    ("rotate", "expected"),
    [(0, [1, 2, 3, 4]), (90, [3, 1, 4, 2]), (180, [4, 3, 2, 1]), (270, [2, 4, 1, 3])],
)
def test_rotation_is_clockwise(rotate: int, expected: list[int]) -> None:
    assert corners(Camera(rotate=rotate)) == expected  # type: ignore[arg-type]  # a parametrised value


@pytest.mark.parametrize(
    ("flip", "expected"),
    [("horizontal", [2, 1, 4, 3]), ("vertical", [3, 4, 1, 2]), ("both", [4, 3, 2, 1])],
)
def test_mirror(flip: str, expected: list[int]) -> None:
    assert corners(Camera(flip=flip)) == expected  # type: ignore[arg-type]  # a parametrised value


def test_mirror_comes_after_rotation() -> None:
    assert corners(Camera(rotate=90, flip="horizontal")) == [1, 3, 2, 4]


def test_nothing_to_do_copies_nothing() -> None:
    assert Upright(Camera()).turned(FRAME) is FRAME


def test_mask_lies_on_the_upright_picture() -> None:
    settings = Camera(rotate=90, masks=[[(0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5)]])
    picture = np.full((40, 60, 3), 200, np.uint8)
    finished = Upright(settings).finished(picture)
    assert finished.shape == (60, 40, 3)
    assert (finished[:30, :20] == 0).all()
    assert (finished[31:, 21:] == 200).all()


def test_every_masked_pixel_is_black_and_the_others_are_not() -> None:
    triangle = [(0.1, 0.1), (0.9, 0.1), (0.5, 0.8)]
    picture = np.full((100, 200, 3), 200, np.uint8)
    Upright(Camera(masks=[triangle])).mask(picture)
    assert (picture[40, 100] == 0).all()
    assert (picture[12:16, 40:160] == 0).all()
    for y, x in ((5, 100), (85, 100), (60, 20), (60, 180)):
        assert (picture[y, x] == 200).all()


def test_mask_over_the_edge_and_masks_that_overlap() -> None:
    masks = [[(-1.0, -1.0), (2.0, -1.0), (2.0, 0.5), (-1.0, 0.5)]] * 2
    picture = np.full((50, 50, 3), 200, np.uint8)
    Upright(Camera(masks=masks)).mask(picture)
    assert (picture[:25] == 0).all()
    assert (picture[27:] == 200).all()


def test_mask_fits_the_small_copy_too() -> None:
    upright = Upright(Camera(masks=[[(0.5, 0), (1, 0), (1, 1), (0.5, 1)]]))
    for shape in ((720, 1280, 3), (90, 160)):
        picture = np.full(shape, 200, np.uint8)
        upright.mask(picture)
        half = shape[1] // 2
        assert (picture[:, half:] == 0).all()
        assert (picture[:, : half - 1] == 200).all()
