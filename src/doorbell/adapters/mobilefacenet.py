"""MobileFaceNet behind YuNet: the engine that tells people apart best.

Landmarks are found twice, on the whole picture and on a smoothed cut-out of each face
as large as the detector likes it, and their mean is taken. Each face is embedded as it
is and mirrored, and the mean is taken here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from doorbell.adapters.onnx_session import OnnxSession
from doorbell.adapters.yunet import face_square
from doorbell.core.likeness import cosine
from doorbell.core.pose import yaw
from doorbell.ports.faces import DetectedFace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from doorbell.adapters.yunet import Yunet, YunetFaces
    from doorbell.core.decision import Box
    from doorbell.core.meter import Meter

ALIGNMENT = "yunet-2023mar-mean-320-smoothed-arcface-112-flip"
SIDE = 112
DIMENSIONS = 128
# Where ArcFace (insightface, `arcface_dst`) puts both eyes, the nose and the corners of
# the mouth.
TEMPLATE = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ],
    np.float32,
)
# Mean and deviation of ImageNet's pixels: what this network was trained with.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
# YuNet marks the tip of the nose, which leaves the middle sooner than its base: on LFW
# the 98th percentile of |yaw| is 0.82 by the tip and 0.59 by the base.
TIP_TO_BASE = 0.72
# On LFW its chips have 3.8 times the variance of the Laplacian that dlib's larger ones
# have (1st, 5th and 50th percentile: 3.9, 3.8, 3.6).
SHARPNESS_UNIT = 3.8
# Side of the cut-out in pixels, and how many times the face's own side it shows.
CUT_OUT = 320
SURROUNDINGS = 2.0
# Deviation in pixels of the cut-out. Noise of a dark picture, enlarged, led landmarks
# astray: on made-up bursts they lay 0.10 of the eyes' distance off, the mean of both
# passes with smoothing 0.08, and people were missed half as often.
SMOOTHED_PX = 2.0
# Four cut-outs are as much as the detector takes, so that one pass refines four faces.
TILES = 4
# Largest faces whose landmarks are found again.
MAX_REFINED = 8
# A landmark that moved farther than this share of the face is another face's.
MAX_SHIFT = 0.25


class RefinedYunet:
    """YuNet, and YuNet again on each face."""

    def __init__(self, yunet: Yunet) -> None:
        self._yunet = yunet

    def detect(
        self, rgb: NDArray[np.uint8], min_width_px: int
    ) -> Sequence[DetectedFace]:
        """Return the faces at least `min_width_px` wide, largest first."""
        found = self._yunet.find(rgb)
        squares = [
            face_square(box, marks)
            for box, marks in zip(found.boxes, found.landmarks, strict=True)
        ]
        wide = [index for index, box in enumerate(squares) if box.w >= min_width_px]
        wide.sort(key=lambda index: -squares[index].w)
        refined = self._refined(rgb, found, wide[:MAX_REFINED])
        return [
            _face(
                squares[index],
                float(found.scores[index]),
                refined.get(index, found.landmarks[index]),
            )
            for index in wide
        ]

    def _refined(
        self,
        rgb: NDArray[np.uint8],
        found: YunetFaces,
        indices: Sequence[int],
    ) -> dict[int, NDArray[np.float32]]:
        """Return the mean of each face's landmarks and those found in its cut-out."""
        better: dict[int, NDArray[np.float32]] = {}
        for start in range(0, len(indices), TILES):
            group = indices[start : start + TILES]
            squares = [_around(found.boxes[index]) for index in group]
            marks = self._landmarks_in(rgb, squares)
            for index, square, mark in zip(group, squares, marks, strict=True):
                if mark is not None:
                    again = mark * (square[2] / CUT_OUT) + square[:2]
                    mean = (found.landmarks[index] + again) / 2
                    better[index] = np.asarray(mean, np.float32)
        return better

    def _landmarks_in(
        self, rgb: NDArray[np.uint8], squares: Sequence[NDArray[np.float32]]
    ) -> list[NDArray[np.float32] | None]:
        """Return the landmarks in the middle of each square, in its pixels of 320."""
        corners = [(CUT_OUT * (i % 2), CUT_OUT * (i // 2)) for i in range(len(squares))]
        right, bottom = np.max(corners, axis=0) + CUT_OUT
        sheet = np.zeros((bottom, right, 3), np.uint8)
        for (x, y), square in zip(corners, squares, strict=True):
            cut = cv2.GaussianBlur(cut_out(rgb, square, CUT_OUT), (0, 0), SMOOTHED_PX)
            sheet[y : y + CUT_OUT, x : x + CUT_OUT] = cut
        found = self._yunet.find(sheet)
        centres = found.boxes[:, :2] + found.boxes[:, 2:] / 2
        answers: list[NDArray[np.float32] | None] = []
        for corner in corners:
            middle = np.array(corner, np.float32) + CUT_OUT / 2
            away = np.abs(centres - middle).max(axis=1, initial=0.0)
            near = np.flatnonzero(away <= MAX_SHIFT * CUT_OUT / SURROUNDINGS)
            answers.append(
                found.landmarks[near[np.argmin(away[near])]] - corner
                if len(near)
                else None
            )
        return answers


def _around(box: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return left, top and side of the square that shows a face's surroundings."""
    side = max(float(box[2:].max()) * SURROUNDINGS, 1.0)
    return np.array([*(box[:2] + box[2:] / 2 - side / 2), side], np.float32)


def cut_out(
    rgb: NDArray[np.uint8], square: NDArray[np.float32], side: int
) -> NDArray[np.uint8]:
    """Return a square of the picture at another size; black outside the picture."""
    scale = side / float(square[2])
    to_chip = np.array(
        [[scale, 0, -square[0] * scale], [0, scale, -square[1] * scale]], np.float32
    )
    return warped(rgb, to_chip, side)


def warped(
    rgb: NDArray[np.uint8], to_chip: NDArray[np.float32], side: int
) -> NDArray[np.uint8]:
    """Return a chip; `to_chip` maps pixels of the picture to it, shape (2, 3).

    A picture that shrinks to less than half is averaged first: single pixels would
    alias.
    """
    shrink = 0.5 / max(float(np.hypot(to_chip[0, 0], to_chip[1, 0])), 1e-6)
    if shrink > 1:
        size = [max(1, round(n / shrink)) for n in (rgb.shape[1], rgb.shape[0])]
        ratio = np.array([rgb.shape[1] / size[0], rgb.shape[0] / size[1]], np.float32)
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        to_chip = to_chip.copy()
        # A pixel's middle lies half a pixel from its corner, at either size.
        to_chip[:, 2] += to_chip[:, :2] @ (ratio / 2 - 0.5)
        to_chip[:, :2] *= ratio
    chip = cv2.warpAffine(rgb, to_chip, (side, side), flags=cv2.INTER_LINEAR)
    return np.asarray(chip, np.uint8)


def _face(box: Box, score: float, marks: NDArray[np.float32]) -> DetectedFace:
    # The eye to the right first, as dlib tells them.
    aside = yaw(marks[1], marks[0], marks[2]) * TIP_TO_BASE
    return DetectedFace(box, score, marks, aside)


def similarity(
    points: NDArray[np.float32], template: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the turn, scale and shift that brings points nearest to a template.

    Least squares, in closed form: as a complex factor and a complex shift.

    Returns:
        Shape (2, 3), as OpenCV takes it.
    """
    one = points[:, 0].astype(np.float64) + 1j * points[:, 1]
    two = template[:, 0].astype(np.float64) + 1j * template[:, 1]
    centred = one - one.mean()
    length = float((np.abs(centred) ** 2).sum())
    # Landmarks that fall on one point have no direction.
    factor = (np.conj(centred) * (two - two.mean())).sum() / length if length else 1.0
    shift = two.mean() - factor * one.mean()
    real, imaginary = float(np.real(factor)), float(np.imag(factor))
    return np.array(
        [[real, -imaginary, shift.real], [imaginary, real, shift.imag]], np.float32
    )


class MobileFaceNetEmbedder:
    """The network behind ArcFace's alignment."""

    dimensions = DIMENSIONS
    likeness = staticmethod(cosine)

    def __init__(self, path: Path, space: str, meter: Meter | None = None) -> None:
        """Load it; the meter counts its runs.

        Raises:
            UnavailableError: onnxruntime is not installed.
            ModelError: the file cannot be used.
        """
        self.space = space
        self._session = OnnxSession(path, (1, 3, SIDE, SIDE), meter)

    def align(self, rgb: NDArray[np.uint8], face: DetectedFace) -> NDArray[np.uint8]:
        """Return the upright chip; what lies outside the picture is black."""
        return warped(rgb, similarity(face.landmarks, TEMPLATE), SIDE)

    def embed(self, chips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return one embedding of unit length a chip.

        Raises:
            BadInputError: the network answered with something that is no number.
        """
        rows = [self._both_ways(chip) for chip in chips]
        return np.array(rows, np.float32).reshape(len(chips), DIMENSIONS)

    def _both_ways(self, chip: NDArray[np.uint8]) -> NDArray[np.float32]:
        views = (chip, chip[:, ::-1])
        total = sum((self._unit(view) for view in views), np.zeros(1, np.float32))
        length = max(float(np.linalg.norm(total)), 1e-12)
        return np.asarray(total / length, np.float32)

    def _unit(self, chip: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = ((chip / np.float32(255) - MEAN) / DEVIATION).astype(np.float32)
        batch = np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]
        row = self._session.run(batch)[0][0]
        return np.asarray(row / max(float(np.linalg.norm(row)), 1e-12), np.float32)
