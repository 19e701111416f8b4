"""The engines `dlib-onnx` and `mobilefacenet`, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from doorbell.adapters import faces_dlib, model_build
from doorbell.adapters.digests import file_digest, space_of
from doorbell.adapters.faces_dlib import DlibChips, DlibDetector, FivePoints
from doorbell.adapters.hog_where_moved import HogWhereMoved
from doorbell.adapters.mobilefacenet import (
    ALIGNMENT,
    SHARPNESS_UNIT,
    MobileFaceNetEmbedder,
    RefinedYunet,
)
from doorbell.adapters.model_catalogue import DLIB_ALIGNMENT, MOBILEFACENET, YUNET
from doorbell.adapters.points import DLIB_POINT, MOBILEFACENET_POINT, as_set
from doorbell.adapters.resnet_onnx import ResnetOnnxEmbedder
from doorbell.adapters.yunet import Yunet, face_square
from doorbell.core.meter import Meter
from doorbell.ports.faces import DetectedFace, Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from config.vision import Vision
    from doorbell.adapters.model_folder import ModelFolder
    from doorbell.core.decision import Box
    from doorbell.ports.faces import FaceDetector


class YunetForDlib:
    """YuNet finds the face, dlib's predictor its five points."""

    def __init__(self, yunet: Yunet, points: FivePoints) -> None:
        self._yunet = yunet
        self._points = points

    def detect(
        self, rgb: NDArray[np.uint8], min_width_px: int
    ) -> Sequence[DetectedFace]:
        """Return the faces at least `min_width_px` wide, largest first."""
        # dlib takes no views with gaps, such as a cut-out.
        rgb = np.ascontiguousarray(rgb)
        found = self._yunet.find(rgb)
        squares = [
            face_square(box, marks)
            for box, marks in zip(found.boxes, found.landmarks, strict=True)
        ]
        wide = [index for index, box in enumerate(squares) if box.w >= min_width_px]
        wide.sort(key=lambda index: -squares[index].w)
        return [
            self._face(rgb, squares[index], float(found.scores[index]))
            for index in wide
        ]

    def _face(self, rgb: NDArray[np.uint8], box: Box, score: float) -> DetectedFace:
        landmarks = self._points.of(rgb, box)
        return DetectedFace(box, score, landmarks, faces_dlib.yaw(landmarks))


def open_dlib_onnx(vision: Vision, folder: ModelFolder) -> Engine:
    """Load the engine `dlib-onnx`, building its network if that was not done.

    Raises:
        UnavailableError: dlib, its files or onnxruntime are not installed.
        ModelError: a model is damaged.
        StorageError: the network is not built, and the folder cannot be written.
    """
    dlib = faces_dlib.load_dlib()
    predictor = faces_dlib.model_file(faces_dlib.PREDICTOR)
    built = model_build.find_built(folder) or model_build.build(folder, dlib)
    digests = (
        file_digest(predictor),
        bytes.fromhex(built.record.source_sha256),
    )
    space = space_of(digests, DLIB_ALIGNMENT)
    meter = Meter()
    points = FivePoints(dlib, predictor, meter)
    detector, note = _detector(dlib, points, folder, meter)
    return Engine(
        name="dlib-onnx",
        detector=detector,
        embedder=ResnetOnnxEmbedder(built.model, space, DlibChips(dlib), meter),
        point=as_set(DLIB_POINT, vision),
        note=note,
        meter=meter,
    )


def _detector(
    dlib: Any,  # noqa: ANN401 - dlib ships no types
    points: FivePoints,
    folder: ModelFolder,
    meter: Meter,
) -> tuple[FaceDetector, str]:
    """Return the best detector there is, and what would improve it."""
    condition = folder.condition(YUNET)
    if condition != "installed":
        note = f"YuNet is {condition}: `doorbell models fetch yunet` {YUNET.use}"
        return HogWhereMoved(DlibDetector(dlib, points, meter)), note
    return YunetForDlib(Yunet(folder.file_of(YUNET), meter), points), ""


def open_mobilefacenet(vision: Vision, folder: ModelFolder) -> Engine:
    """Load the engine `mobilefacenet`.

    Raises:
        UnavailableError: a model or onnxruntime is not installed.
        ModelError: a model is damaged.
    """
    yunet, network = folder.require(YUNET), folder.require(MOBILEFACENET)
    digests = [bytes.fromhex(model.sha256) for model in (YUNET, MOBILEFACENET)]
    space = space_of(digests, ALIGNMENT)
    meter = Meter()
    return Engine(
        name="mobilefacenet",
        detector=RefinedYunet(Yunet(yunet, meter)),
        embedder=MobileFaceNetEmbedder(network, space, meter),
        point=as_set(MOBILEFACENET_POINT, vision),
        sharpness_unit=SHARPNESS_UNIT,
        meter=meter,
    )


def models_present(folder: ModelFolder) -> bool:
    """Whether the models of `mobilefacenet` are there, damaged or not."""
    return all(folder.file_of(model).exists() for model in (YUNET, MOBILEFACENET))
