"""YuNet, a small face detector (opencv_zoo, MIT): small, dark and turned faces.

The published model names 640 by 640 pixels, but takes any multiple of 32: a picture is
reduced until its longer side has 640, never enlarged, and only what it covers is
searched. The outputs are decoded as OpenCV's FaceDetectorYN does
(modules/objdetect/src/face_detect.cpp).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from doorbell.adapters.onnx_session import OnnxSession
from doorbell.adapters.onnx_sizes import with_free_sizes
from doorbell.core.decision import Box
from doorbell.core.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from doorbell.core.meter import Meter

LONGEST_PX = 640
STRIDES = (8, 16, 32)
# Below, it fires on cars' windows at full resolution.
MIN_SCORE = 0.7
# Two boxes that share more than this are one face.
OVERLAP = 0.3
# A crowd; more than that is no doorstep, and sorting them costs time.
MAX_CANDIDATES = 512
LANDMARKS = 5
# YuNet's boxes are high and narrow, dlib's HOG detector draws squares, and its
# predictor starts from one. On 110 photographs of LFW that square has 0.83 of the
# height of YuNet's box (standard deviation 0.07), its middle lies on the mean of the
# five landmarks, 0.01 of its side above it.
SIDE_OF_HEIGHT = 0.83
ABOVE_LANDMARKS = 0.0125


@dataclass(frozen=True, slots=True)
class YunetFaces:
    """What was found, best first, in pixels of the picture.

    Attributes:
        boxes: shape (N, 4): left, top, width, height.
        scores: shape (N,), 0..1.
        landmarks: shape (N, 5, 2): the eye to the left in the picture, the other eye,
            nose, corner of the mouth to the left, the other corner.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32]


class Yunet:
    """The detector."""

    def __init__(self, path: Path, meter: Meter | None = None) -> None:
        """Load it; the meter counts its runs.

        Raises:
            UnavailableError: onnxruntime is not installed.
            ModelError: the file is no YuNet.
        """
        free = with_free_sizes(path.read_bytes())
        self._session = OnnxSession(path, (1, 3, None, None), meter, free)
        wanted = [f"{part}_{s}" for part in _PARTS for s in STRIDES]
        if sorted(self._session.outputs) != sorted(wanted):
            msg = f"{path.name} does not answer as YuNet does"
            raise ModelError(msg)
        self._canvas = np.zeros((STRIDES[-1], STRIDES[-1], 3), np.uint8)

    def find(self, rgb: NDArray[np.uint8]) -> YunetFaces:
        """Return the faces of a picture of any size."""
        height, width = rgb.shape[:2]
        scale = min(1.0, LONGEST_PX / max(height, width))
        rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
        self._lay_out(rows, columns)
        if scale == 1.0:
            self._canvas[:rows, :columns] = rgb
        else:
            # Over an area: single pixels would alias.
            self._canvas[:rows, :columns] = cv2.resize(
                rgb, (columns, rows), interpolation=cv2.INTER_AREA
            )
        return self._decode(self._network(), scale)

    def _lay_out(self, rows: int, columns: int) -> None:
        """Make the canvas fit; what the picture does not cover is black."""
        step = STRIDES[-1]
        shape = (-(-rows // step) * step, -(-columns // step) * step, 3)
        if self._canvas.shape != shape:
            self._canvas = np.zeros(shape, np.uint8)
        self._canvas[rows:] = 0
        self._canvas[:, columns:] = 0

    def _network(self) -> dict[str, NDArray[np.float32]]:
        # It learned from OpenCV's order of colours.
        bgr = self._canvas[..., ::-1].transpose(2, 0, 1)
        batch = np.ascontiguousarray(bgr, np.float32)[None]
        found = self._session.run(batch)
        return dict(zip(self._session.outputs, found, strict=True))

    def _decode(self, out: dict[str, NDArray[np.float32]], scale: float) -> YunetFaces:
        boxes, scores, points = [], [], []
        for stride in STRIDES:
            odds = out[f"cls_{stride}"][0, :, 0] * out[f"obj_{stride}"][0, :, 0]
            at = np.flatnonzero(odds >= MIN_SCORE**2)
            cells = _cells(at, self._canvas.shape[1] // stride)
            shifts = out[f"bbox_{stride}"][0, at]
            middle = (cells + shifts[:, :2]) * stride
            size = np.exp(shifts[:, 2:].clip(max=10)) * stride
            marks = out[f"kps_{stride}"][0, at].reshape(-1, LANDMARKS, 2)
            boxes.append(np.concatenate([middle - size / 2, size], axis=1))
            scores.append(np.sqrt(odds[at].clip(0, 1)))
            points.append((cells[:, None] + marks) * stride)
        found = np.concatenate(boxes), np.concatenate(scores), np.concatenate(points)
        kept = without_doubles(found[0], found[1])
        return YunetFaces(
            boxes=np.asarray(found[0][kept] / scale, np.float32),
            scores=np.asarray(found[1][kept], np.float32),
            landmarks=np.asarray(found[2][kept] / scale, np.float32),
        )


def face_square(box: NDArray[np.float32], marks: NDArray[np.float32]) -> Box:
    """Return the square that dlib's detector would have drawn.

    Both engines behind YuNet tell faces by it, so that a face is as wide to one as to
    the other.
    """
    side = float(box[3]) * SIDE_OF_HEIGHT
    x, y = (float(part) for part in marks.mean(axis=0))
    left, top = x - side / 2, y - side * (ABOVE_LANDMARKS + 0.5)
    return Box(round(left), round(top), round(side), round(side))


_PARTS = ("cls", "obj", "bbox", "kps")


def _cells(at: NDArray[np.intp], columns: int) -> NDArray[np.float32]:
    """Return column and row of cells that are counted row by row."""
    rows, column = np.divmod(at, columns)
    return np.stack([column, rows], axis=1).astype(np.float32)


def without_doubles(
    boxes: NDArray[np.float32], scores: NDArray[np.float32]
) -> NDArray[np.intp]:
    """Return the indices of boxes that no better one overlaps, best first."""
    order = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[_overlap(boxes[best], boxes[rest]) <= OVERLAP]
    return np.array(kept, np.intp)


def _overlap(
    box: NDArray[np.float32], others: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the shared area over the united area of a box with each other."""
    corner = np.maximum(box[:2], others[:, :2])
    end = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    shared = (end - corner).clip(0).prod(axis=1)
    united = box[2:].prod() + others[:, 2:].prod(axis=1) - shared
    return np.asarray(shared / np.maximum(united, 1e-6), np.float32)
