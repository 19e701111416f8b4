"""A burst made of one photograph: what a cheap camera sees of a visitor at night."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Raised with every change of what is made: part of the cache's key.
VERSION = 2
# Degrees a head tilts, and share of the picture's width it moves, from frame to frame.
MOST_TURN, MOST_SHIFT = 6.0, 0.05
LEAST_FRAMES, MOST_FRAMES = 2, 8


@dataclass(frozen=True, slots=True)
class Wear:
    """What is common to all frames of a burst, before each gets its own.

    Attributes:
        scale: size of the face against the photograph's.
        light: brightness against it.
        noise: deviation of the sensor's noise, grey levels.
        blur_px: of the lens, in pixels of the small picture; each frame has between
            none and twice as much.
    """

    scale: float
    light: float
    noise: float
    blur_px: float


def frame_count(generator: np.random.Generator) -> int:
    """Draw how many frames a visit has."""
    return int(generator.integers(LEAST_FRAMES, MOST_FRAMES + 1))


def wear(generator: np.random.Generator) -> Wear:
    """Draw how bad a visit's conditions are."""
    return Wear(
        scale=float(generator.uniform(0.62, 1.0)),
        light=float(np.exp(generator.uniform(np.log(0.12), np.log(0.8)))),
        noise=float(generator.uniform(3, 10)),
        blur_px=float(generator.uniform(0.3, 1.5)),
    )


def seeded(seed: int, label: str) -> np.random.Generator:
    """Return the generator of one photograph: independent of all the others'."""
    digest = hashlib.sha256(f"{seed}:{label}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def burst(
    rgb: NDArray[np.uint8], frames: int, generator: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Return so many frames of one visit, each with its own shift, blur and noise."""
    common = wear(generator)
    return [_frame(rgb, common, generator) for _ in range(frames)]


def _frame(
    rgb: NDArray[np.uint8], common: Wear, generator: np.random.Generator
) -> NDArray[np.uint8]:
    height, width = (max(8, round(side * common.scale)) for side in rgb.shape[:2])
    small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    move = cv2.getRotationMatrix2D(
        (width / 2, height / 2), generator.uniform(-MOST_TURN, MOST_TURN), 1.0
    )
    move[:, 2] += generator.uniform(-MOST_SHIFT, MOST_SHIFT, 2) * width
    moved = np.asarray(
        cv2.warpAffine(small, move, (width, height), borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )
    frame = _smeared(moved, common.blur_px * generator.uniform(0, 2), generator)
    light = common.light * generator.uniform(0.7, 1.3)
    grain = generator.normal(0, common.noise, frame.shape)
    return np.clip(frame * light + grain, 0, 255).astype(np.uint8)


def _smeared(
    frame: NDArray[np.uint8], blur_px: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Blur by the lens, and in every other frame by a movement."""
    out = frame.astype(np.float32)
    if blur_px > 0.1:  # noqa: PLR2004 - less is no blur, and no valid kernel
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), blur_px), np.float32)
    if generator.uniform() < 0.5:  # noqa: PLR2004 - every other frame
        length = int(generator.integers(2, 7))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1.0 / length
        spin = cv2.getRotationMatrix2D(
            ((length - 1) / 2, (length - 1) / 2), generator.uniform(0, 180), 1.0
        )
        kernel = np.asarray(cv2.warpAffine(kernel, spin, (length, length)), np.float32)
        out = np.asarray(
            cv2.filter2D(out, -1, kernel / max(kernel.sum(), 1e-6)), np.float32
        )
    return out
