"""Known colours survive every pixel format, padding and odd plane height."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from doorbell.adapters.pixels import fit_within, luma, to_rgb
from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# ITU-R BT.601, limited range: RGB and its (Y, U, V).
COLOURS = {
    "red": ((255, 0, 0), (81, 90, 240)),
    "green": ((0, 255, 0), (145, 54, 34)),
    "blue": ((0, 0, 255), (41, 240, 110)),
    "white": ((255, 255, 255), (235, 128, 128)),
    "black": ((0, 0, 0), (16, 128, 128)),
}
# Height 10: the chroma planes of YUV420 end in the middle of a row of the luma.
WIDTH, HEIGHT = 16, 10
PADDINGS = [0, 16, 48]


def plane(
    left: int, right: int, width: int, height: int, stride: int
) -> NDArray[np.uint8]:
    """Return rows whose halves have two values; the padding is noise."""
    rows = np.random.default_rng(0).integers(0, 256, (height, stride), np.uint8)
    rows[:, : width // 2] = left
    rows[:, width // 2 : width] = right
    return rows


def yuv(name: str, left: str, right: str, stride: int) -> NDArray[np.uint8]:
    """Return a frame with a colour on each side, as the format lays it out."""
    (y1, u1, v1), (y2, u2, v2) = COLOURS[left][1], COLOURS[right][1]
    light = plane(y1, y2, WIDTH, HEIGHT, stride).ravel()
    half = (WIDTH // 2, HEIGHT // 2, stride // 2)
    u, v = plane(u1, u2, *half), plane(v1, v2, *half)
    if name == "NV12":
        colour = np.stack([u, v], axis=2).ravel()
    else:
        colour = np.concatenate([u.ravel(), v.ravel()])
    return np.concatenate([light, colour, np.zeros(100, np.uint8)])


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("name", ["NV12", "YUV420"])
@pytest.mark.parametrize("left", COLOURS)
def test_yuv_shows_the_right_colours(name: str, left: str, padding: int) -> None:
    stride = WIDTH + padding
    buffer = yuv(name, left, "blue", stride)
    rgb = to_rgb(name, buffer, WIDTH, HEIGHT, stride)
    assert rgb.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(rgb[:, : WIDTH // 2].astype(int) - COLOURS[left][0]).max() <= 3
    assert np.abs(rgb[:, WIDTH // 2 :].astype(int) - COLOURS["blue"][0]).max() <= 3


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(
    ("name", "memory"), [("RGB888", (0, 0, 255)), ("BGR888", (255, 0, 0))]
)
def test_libcamera_names_rgb_backwards(
    name: str, memory: tuple[int, int, int], padding: int
) -> None:
    stride = WIDTH * 3 + padding
    buffer = np.full((HEIGHT, stride), 77, np.uint8)
    buffer[:, : WIDTH * 3] = np.tile(np.array(memory, np.uint8), WIDTH)
    rgb = to_rgb(name, buffer.ravel(), WIDTH, HEIGHT, stride)
    assert (rgb == (255, 0, 0)).all()


def test_result_does_not_change_with_the_lent_buffer() -> None:
    for name in ("NV12", "YUV420", "RGB888", "BGR888"):
        stride = WIDTH * 3
        buffer = np.full(stride * HEIGHT * 2, 100, np.uint8)
        rgb = to_rgb(name, buffer, WIDTH, HEIGHT, stride)
        before = rgb.copy()
        buffer[:] = 0
        assert (rgb == before).all()


@pytest.mark.parametrize("name", ["NV12", "YUV420", "RGB888", "BGR888"])
def test_short_buffer_is_refused(name: str) -> None:
    buffer = np.zeros(WIDTH * HEIGHT, np.uint8)
    with pytest.raises(BadInputError, match="too few"):
        to_rgb(name, buffer, WIDTH, HEIGHT, WIDTH * 3)


def test_unknown_format_is_refused_by_name() -> None:
    with pytest.raises(BadInputError, match="MJPEG"):
        to_rgb("MJPEG", np.zeros(9999, np.uint8), WIDTH, HEIGHT, WIDTH)


def test_odd_yuv_is_refused() -> None:
    with pytest.raises(BadInputError, match="odd"):
        to_rgb("NV12", np.zeros(9999, np.uint8), 15, 10, 16)


def test_luma_spans_the_full_range() -> None:
    grey = luma(yuv("NV12", "black", "white", 32), WIDTH, HEIGHT, 32)
    assert (grey[:, : WIDTH // 2] == 0).all()
    assert (grey[:, WIDTH // 2 :] == 255).all()


def test_luma_below_black_stays_black() -> None:
    assert luma(np.full(64, 3, np.uint8), 8, 8, 8).max() == 0


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((1080, 1920), (720, 1280)),
        ((480, 640), (480, 640)),
        ((960, 1280), (720, 960)),
        ((2000, 4), (720, 1)),
    ],
)
def test_pictures_shrink_to_fit_and_never_grow(
    shape: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert fit_within(np.zeros((*shape, 3), np.uint8), 1280, 720).shape[:2] == wanted
