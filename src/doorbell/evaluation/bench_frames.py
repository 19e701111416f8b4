"""The frames that every engine of a comparison is given: the same, and few enough.

An empty porch first, then each photograph as a camera of 1280 by 720 shows it, near and
farther away, with a sensor's noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from doorbell.adapters.scene import SUFFIXES, BadPictureError, decode, letterbox
from doorbell.core.errors import BadInputError
from doorbell.evaluation.visitors import ASTRONAUT, draw_porch, photographed

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]

WIDTH, HEIGHT = 1280, 720
# How much of the frame's height a photograph takes: somebody near, somebody a step off.
SHARES = (1.0, 0.6)
NOISE = 2.0
MOST_PICTURES = 8
PEOPLE = ("obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg")


def frames_of(pictures: Path, work: Path) -> NDArray[np.uint8]:
    """Return the frames, shape (N, 720, 1280, 3), the empty porch first.

    Args:
        pictures: folder of photographs, or what `make demo` left.
        work: for what is taken out of archives.

    Raises:
        BadInputError: there are no photographs.
    """
    folder = work / "frames"
    folder.mkdir()
    draw_porch(folder / "porch.png")
    # Photographs that do not fill the frame stand before the same empty porch.
    porch = decode(folder / "porch.png")
    found = [
        stood_before(porch, rgb, share)
        for rgb in _faces(pictures, folder)
        for share in SHARES
    ]
    return np.stack([_noisy(rgb, seed) for seed, rgb in enumerate([porch, *found])])


def _faces(pictures: Path, folder: Path) -> list[Frame]:
    own = sorted(p for p in pictures.glob("*") if p.suffix.lower() in SUFFIXES)
    if not own:
        photographed(pictures, folder, folder)
        own = [folder / name for name in (*PEOPLE, ASTRONAUT.rpartition("/")[2])]
    try:
        return [decode(path) for path in own[:MOST_PICTURES]]
    except BadPictureError as error:
        msg = f"a photograph of {pictures} cannot be used: {error}"
        raise BadInputError(msg) from error


def stood_before(porch: Frame, rgb: Frame, share: float, right_px: int = 0) -> Frame:
    """Lay a photograph, letterboxed, over the porch, so far right of its middle."""
    shown = letterbox(rgb, WIDTH, HEIGHT, share)
    scale = share * min(WIDTH / rgb.shape[1], HEIGHT / rgb.shape[0])
    w, h = max(round(rgb.shape[1] * scale), 1), max(round(rgb.shape[0] * scale), 1)
    x, y = (WIDTH - w) // 2, (HEIGHT - h) // 2
    frame = porch.copy()
    to = min(max(0, x + right_px), WIDTH - w)
    frame[y : y + h, to : to + w] = shown[y : y + h, x : x + w]
    return frame


def _noisy(rgb: Frame, seed: int) -> Frame:
    grains = np.random.default_rng(seed).normal(0, NOISE, rgb.shape)
    return np.asarray((rgb + grains).clip(0, 255), np.uint8)
