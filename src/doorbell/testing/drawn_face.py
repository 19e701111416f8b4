"""A face that is nobody's: drawn by formulas, found by every detector we use.

`doorbell/runtime/drawn_face.rgb.z` holds what `drawn_face` returns, for the supervisor,
which has no numpy; a test compares both. Written anew by
`python -m doorbell.testing.drawn_face FILE`.
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

Colour = tuple[int, int, int]

SIDE = 240
SKIN, SHADE, LIGHT = (222, 168, 138), (176, 122, 98), (240, 194, 168)
HAIR, CLOTH, MOUTH, DARK = (58, 42, 34), (60, 70, 95), (168, 84, 78), (92, 48, 42)
WHITE, IRIS, BLACK = (236, 230, 226), (70, 50, 40), (15, 12, 12)
MIDDLE = 120


class Shape(NamedTuple):
    """A soft ellipse; `edge` is how much of its radius fades, `opacity` 0..1."""

    x: float
    y: float
    half_width: float
    half_height: float
    edge: float
    colour: Colour
    opacity: float


# From behind to before.
_BEHIND = (
    Shape(MIDDLE, 250, 100, 60, 0.1, CLOTH, 1.0),
    Shape(MIDDLE, 195, 30, 45, 0.15, SHADE, 1.0),
    Shape(MIDDLE, 100, 66, 78, 0.06, HAIR, 1.0),
    Shape(62, 122, 9, 18, 0.3, SHADE, 1.0),
    Shape(178, 122, 9, 18, 0.3, SHADE, 1.0),
)
_HEAD = Shape(MIDDLE, 122, 56, 76, 0.06, SKIN, 1.0)
_BEFORE = (
    Shape(MIDDLE, 46, 52, 30, 0.25, HAIR, 0.95),
    Shape(125, 132, 7, 24, 0.9, SHADE, 0.5),
    Shape(118, 128, 5, 24, 0.9, LIGHT, 0.5),
    Shape(MIDDLE, 148, 14, 8, 0.6, SHADE, 0.6),
    Shape(113, 151, 4, 2.6, 0.5, DARK, 0.9),
    Shape(127, 151, 4, 2.6, 0.5, DARK, 0.9),
    Shape(MIDDLE, 171, 21, 7.5, 0.3, MOUTH, 0.95),
    Shape(MIDDLE, 170, 20, 1.6, 0.5, DARK, 0.9),
    Shape(MIDDLE, 184, 14, 4, 0.9, SHADE, 0.5),
)
# Around the middle of the eye.
_EYE = (
    Shape(0, 0, 19, 13, 0.6, SHADE, 0.55),
    Shape(0, -17, 17, 3.6, 0.5, HAIR, 0.95),
    Shape(0, 0, 12, 6, 0.25, WHITE, 1.0),
    Shape(0, 0, 6, 6.2, 0.25, IRIS, 1.0),
    Shape(0, 0, 2.8, 2.8, 0.4, BLACK, 1.0),
    Shape(-2, -2, 1.3, 1.3, 0.6, WHITE, 1.0),
    Shape(0, -5, 13, 2.4, 0.5, HAIR, 0.9),
)
_EYES = ((96, 112), (144, 112))


def drawn_face() -> NDArray[np.uint8]:
    """Draw it: RGB, shape (240, 240, 3), the face some 110 pixels wide."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    rgb = np.repeat((96 + 24 * y / SIDE)[..., None], 3, 2)
    for shape in _BEHIND:
        rgb = _painted(rgb, _cover(shape, x, y), np.array(shape.colour, np.float32))
    light = 1.06 - 0.13 * ((x - 106) / 60) ** 2 - 0.10 * ((y - 118) / 76) ** 2
    skin = np.array(SKIN, np.float32) * light[..., None]
    rgb = _painted(rgb, _cover(_HEAD, x, y), skin)
    for shape in (*_BEFORE, *_eyes()):
        rgb = _painted(rgb, _cover(shape, x, y), np.array(shape.colour, np.float32))
    return np.clip(np.round(rgb), 0, 255).astype(np.uint8)


def _eyes() -> list[Shape]:
    return [
        part._replace(x=x + part.x, y=y + part.y) for x, y in _EYES for part in _EYE
    ]


def _cover(shape: Shape, x: Floats, y: Floats) -> Floats:
    """Return how much of each pixel the shape covers, 0..1, shape (H, W, 1)."""
    across = (x - shape.x) / shape.half_width
    down = (y - shape.y) / shape.half_height
    inside = (1 - np.sqrt(across**2 + down**2)) / shape.edge + 0.5
    return np.asarray(shape.opacity * np.clip(inside, 0, 1), np.float32)[..., None]


def _painted(rgb: Floats, cover: Floats, colour: Floats) -> Floats:
    return np.asarray(rgb * (1 - cover) + colour * cover, np.float32)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(zlib.compress(drawn_face().tobytes(), 9))
