"""A recognition engine for tests: a face is a square of one bright colour.

Deterministic and cheap, numpy only. A person is a hue; two hues less than about
18 degrees apart are the same person, less than about 32 perhaps. It shows itself by
its name, "fake". Two squares of one hue in one picture count as one face.
"""

from __future__ import annotations

import colorsys
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.decision import Box
from doorbell.core.errors import BadInputError
from doorbell.core.faces import OperatingPoint
from doorbell.core.meter import Meter
from doorbell.ports.faces import DetectedFace, Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from config.vision import Vision

# Cosine of 18 and of 32 degrees between hues.
FAKE_POINT = OperatingPoint(
    known_at=0.95, unsure_at=0.85, min_margin=0.02, comfort=0.02, apart_below=0.5
)
BACKGROUND = 110
CHIP_SIDE = 32
DIMENSIONS = 3
# Grey porches and sensor noise stay far below this difference of channels.
_SATURATED = 60
_SECTOR_DEG = 15
_SECTORS = 360 // _SECTOR_DEG
# Every fourth pixel tells enough of a square.
_STEP = 4


@dataclass(frozen=True, slots=True)
class Marker:
    """A face to paint.

    Attributes:
        hue: degrees; multiples of 15 are found most surely.
        box: in pixels; may reach over the edge.
    """

    hue: float
    box: Box


def colour(hue: float) -> tuple[int, int, int]:
    """Return the bright RGB colour that stands for a person."""
    red, green, blue = colorsys.hsv_to_rgb(hue / 360, 0.9, 0.8)
    return round(red * 255), round(green * 255), round(blue * 255)


def scene(
    width: int, height: int, markers: Sequence[Marker] = (), grey: int = BACKGROUND
) -> NDArray[np.uint8]:
    """Paint a porch with these faces, shape (height, width, 3)."""
    rgb = np.full((height, width, 3), grey, np.uint8)
    for marker in markers:
        box = marker.box
        rows = slice(max(0, box.y), max(0, box.y + box.h))
        columns = slice(max(0, box.x), max(0, box.x + box.w))
        rgb[rows, columns] = colour(marker.hue)
    return rgb


class Script:
    """Faults to come, one word a call: `ok slow crash hang nan`; then ok for ever."""

    def __init__(self, words: str = "", slow_s: float = 1.0) -> None:
        self._words = words.split()
        self._slow_s = slow_s
        self.meter = Meter()
        unknown = set(self._words) - {"ok", "slow", "crash", "hang", "nan"}
        if unknown:
            msg = f"no such fault: {sorted(unknown)}"
            raise BadInputError(msg)

    def step(self) -> str:
        """Act out the next word and return it; `crash` kills this process."""
        self.meter.ran(0)
        word = self._words.pop(0) if self._words else "ok"
        if word == "slow":
            time.sleep(self._slow_s)
        elif word == "hang":
            signal.pause()
        elif word == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        return word


class FakeDetector:
    """Finds the squares; its script counts pictures."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def detect(
        self, rgb: NDArray[np.uint8], min_width_px: int
    ) -> Sequence[DetectedFace]:
        """Return the squares at least `min_width_px` wide, largest first."""
        self._script.step()
        sectors = _sectors(rgb[::_STEP, ::_STEP])
        boxes = [_box_of(sectors == sector) for sector in np.unique(sectors)[1:]]
        wide = [box for box in boxes if box.w >= min_width_px]
        wide.sort(key=lambda box: -box.w * box.h)
        return [DetectedFace(box, 1.0, _corners(box), 0.0) for box in wide]


def _sectors(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return each pixel's sector of hue from 0, or -1 where it is grey.

    The smallest value is always -1, so that callers can skip it.
    """
    red, green, blue = (rgb[..., i].astype(np.float32) for i in range(3))
    hue = np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue))
    sector = np.round(hue / _SECTOR_DEG).astype(np.int64) % _SECTORS
    is_bright = rgb.max(axis=2).astype(int) - rgb.min(axis=2) >= _SATURATED
    found = np.where(is_bright, sector, -1)
    return np.append(found, np.full((1, found.shape[1]), -1), axis=0)


def _box_of(mask: NDArray[np.bool_]) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = int(columns[0]) * _STEP, int(rows[0]) * _STEP
    width = int(columns[-1]) * _STEP + _STEP - x
    return Box(x, y, width, int(rows[-1]) * _STEP + _STEP - y)


def _corners(box: Box) -> NDArray[np.float32]:
    right, bottom = box.x + box.w, box.y + box.h
    middle = (box.x + box.w / 2, box.y + box.h / 2)
    points = [(box.x, box.y), (right, box.y), middle, (box.x, bottom), (right, bottom)]
    return np.array(points, np.float32)


class FakeEmbedder:
    """Tells hues apart; its script counts calls of `embed`."""

    space = "fake-hue-1"
    dimensions = DIMENSIONS

    def __init__(self, script: Script) -> None:
        self._script = script

    def align(self, rgb: NDArray[np.uint8], face: DetectedFace) -> NDArray[np.uint8]:
        """Return the square, sampled to 32 by 32 pixels."""
        box, (height, width) = face.box, rgb.shape[:2]
        rows = np.linspace(box.y, box.y + box.h - 1, CHIP_SIDE).astype(int)
        columns = np.linspace(box.x, box.x + box.w - 1, CHIP_SIDE).astype(int)
        rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
        return np.ascontiguousarray(rgb[rows][:, columns])

    def embed(self, chips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return the direction of each chip's colour away from grey."""
        if self._script.step() == "nan":
            msg = "the network answered with something that is no number"
            raise BadInputError(msg)
        if not chips:
            return np.zeros((0, DIMENSIONS), np.float32)
        means = np.stack([chip.reshape(-1, 3).mean(axis=0) for chip in chips])
        away = means - means.mean(axis=1, keepdims=True)
        lengths = np.linalg.norm(away, axis=1, keepdims=True)
        return np.asarray(away / np.maximum(lengths, 1e-6), np.float32)

    def likeness(
        self, probe: NDArray[np.float32], gallery: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the cosine of the angle between hues."""
        lengths = np.linalg.norm(gallery, axis=1) * np.linalg.norm(probe)
        return np.asarray(gallery @ probe / np.maximum(lengths, 1e-6), np.float32)


def embedding(hue: float) -> NDArray[np.float32]:
    """Return what the fake engine sees in a face of this hue."""
    chip = np.full((1, 1, 3), colour(hue), np.uint8)
    return np.asarray(FakeEmbedder(Script()).embed([chip])[0])


def open_fake_engine(vision: Vision, faults: str = "", slow_s: float = 1.0) -> Engine:
    """Return the fake engine.

    Args:
        vision: its thresholds, where set, replace the fake's own.
        faults: words for `Script`; pictures and embeddings count together.
        slow_s: how slow `slow` is.
    """
    script = Script(faults, slow_s)
    point = OperatingPoint(
        known_at=FAKE_POINT.known_at if vision.known_at is None else vision.known_at,
        unsure_at=(
            FAKE_POINT.unsure_at if vision.unsure_at is None else vision.unsure_at
        ),
        min_margin=FAKE_POINT.min_margin,
        comfort=FAKE_POINT.comfort,
        apart_below=FAKE_POINT.apart_below,
    )
    detector, embedder = FakeDetector(script), FakeEmbedder(script)
    return Engine("fake", detector, embedder, point, meter=script.meter)
