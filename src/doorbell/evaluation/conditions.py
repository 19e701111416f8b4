"""Photographs made worse by code: how a door differs from a studio.

Everything is drawn by proportions of the face's box, which in these data sets is about
the middle of the photograph; what is drawn is crude, and the same for everybody, so it
tells one engine from another better than it tells how a real cap would do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Change = Callable[[Picture, np.random.Generator], Picture]

# In LFW's own crop of 250 pixels a face is some 100 wide: centre and half width of it
# as shares of the picture.
CENTRE = (0.5, 0.53)
HALF = 0.2
# Raised with every change of what is drawn: part of the cache's key.
VERSION = 1


def _small(share: float) -> Change:
    def change(rgb: Picture, _generator: np.random.Generator) -> Picture:
        height, width = rgb.shape[:2]
        size = (max(1, round(width * share)), max(1, round(height * share)))
        return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)

    return change


def _blurred(sigma_px: float) -> Change:
    def change(rgb: Picture, _generator: np.random.Generator) -> Picture:
        return np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma_px), np.uint8)

    return change


def _dark(share: float, noise: float) -> Change:
    def change(rgb: Picture, generator: np.random.Generator) -> Picture:
        grain = generator.normal(0, noise, rgb.shape)
        return _clipped(rgb.astype(np.float32) * share + grain)

    return change


def _glasses(rgb: Picture, _generator: np.random.Generator) -> Picture:
    """Dark round glasses with a bridge."""
    out = rgb.copy()
    x, y, half = _face(rgb)
    radius, level = round(half * 0.38), round(y - half * 0.32)
    for side in (-1, 1):
        eye = (round(x + side * half * 0.42), level)
        cv2.circle(out, eye, radius, (25, 25, 30), -1, cv2.LINE_AA)
        cv2.circle(out, eye, radius, (60, 50, 45), 2, cv2.LINE_AA)
    across = round(half * 0.1)
    cv2.line(
        out, (round(x) - across, level), (round(x) + across, level), (60, 50, 45), 3
    )
    return out


def _cap(rgb: Picture, _generator: np.random.Generator) -> Picture:
    """A cap down to the brows, with the shadow of its peak."""
    out = rgb.copy()
    x, y, half = _face(rgb)
    brow = round(y - half * 0.62)
    shade = slice(brow, round(y - half * 0.2))
    out[shade] = (out[shade] * 0.55).astype(np.uint8)
    top = (round(x), brow)
    size = (round(half * 1.25), round(half * 1.1))
    cv2.ellipse(out, top, size, 0, 180, 360, (40, 50, 90), -1, cv2.LINE_AA)
    cv2.ellipse(
        out,
        top,
        (size[0], round(half * 0.22)),
        0,
        0,
        360,
        (30, 38, 70),
        -1,
        cv2.LINE_AA,
    )
    return out


def _mask(rgb: Picture, _generator: np.random.Generator) -> Picture:
    """A pale mask from the nose down."""
    out = rgb.copy()
    x, y, half = _face(rgb)
    outline = [(-0.85, 0.05), (0.0, -0.08), (0.85, 0.05), (0.6, 0.95), (0.0, 1.15)]
    outline.append((-0.6, 0.95))
    points = [(round(x + a * half), round(y + b * half)) for a, b in outline]
    cv2.fillPoly(out, [np.array(points, np.int32)], (205, 215, 225), cv2.LINE_AA)
    return out


def _backlit(rgb: Picture, _generator: np.random.Generator) -> Picture:
    """A bright sky behind a face in shadow, with the glare of the lens."""
    height, width = rgb.shape[:2]
    x, y, half = _face(rgb)
    rows, columns = np.mgrid[:height, :width]
    away = np.hypot((columns - x) / (half * 1.4), (rows - y) / (half * 1.9))
    sky = np.clip((away - 0.9) / 0.35, 0, 1)[..., None]
    pixels = rgb.astype(np.float32)
    return _clipped(pixels * 0.35 * (1 - sky) + 245 * sky * 0.85 + 22)


def _face(rgb: Picture) -> tuple[float, float, float]:
    height, width = rgb.shape[:2]
    return width * CENTRE[0], height * CENTRE[1], width * HALF


def _clipped(pixels: NDArray[np.floating]) -> Picture:
    clipped: Picture = np.clip(pixels, 0, 255).astype(np.uint8)
    return clipped


CONDITIONS: dict[str, Change] = {
    "small (60 %)": _small(0.6),
    "small (35 %)": _small(0.35),
    "blurred (2 px)": _blurred(2.0),
    "blurred (4 px)": _blurred(4.0),
    "dark (1/4, noise 5)": _dark(0.25, 5.0),
    "dark (1/10, noise 5)": _dark(0.1, 5.0),
    "dark glasses": _glasses,
    "cap": _cap,
    "mask": _mask,
    "backlight": _backlit,
}
