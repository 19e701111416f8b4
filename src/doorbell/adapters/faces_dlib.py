"""Recognition with dlib: the networks of the `face_recognition` package.

HOG detector, 5-point predictor, ResNet embedding: the same numbers as
`face_recognition.face_encodings(model="small")` gives, without importing that package
(it needs `pkg_resources`) and without its 68-point predictor (trained on data for
non-commercial use) and its CNN detector (memory).
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from doorbell.core.decision import Box
from doorbell.core.errors import BadInputError, UnavailableError
from doorbell.core.faces import OperatingPoint
from doorbell.ports.faces import DetectedFace, Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from config.sections import Vision

# Likeness is 1 - L2 distance. Measured on LFW, 60 draws of 20 people x 3 photographs
# out of 89 people, and 498 strangers: at 0.52 with a margin of 0.04, a single frame
# names 92 % of the enrolled people's other photographs and 0.5 % of strangers; at 0.50,
# 95 % and 0.9 %; at face_recognition's own 0.40, 18 % of strangers. Between 0.44 and
# 0.52 lie another 5 % of strangers and 7 % of enrolled people: those are unsure.
# tests/accuracy repeats one draw.
# Two photographs of one person are above 0.44 in 95 % of pairs and above 0.38 in 99 %,
# of two strangers above 0.46 in 0.1 %, 0.38 in 1 % and 0.32 in 5 %: a face in the same
# place stays the same visitor down to 0.34.
DLIB_POINT = OperatingPoint(
    known_at=0.52, unsure_at=0.44, min_margin=0.04, comfort=0.05, apart_below=0.34
)
ALIGNMENT = "dlib-5-points-chip-150-padding-0.25"
CHIP_SIDE = 150
CHIP_PADDING = 0.25
DIMENSIONS = 128
# dlib trained the detector on 80-pixel windows; it finds nothing smaller.
HOG_WINDOW_PX = 80
# Some 0.3 s on a PC; a picture that needs more is scanned coarser, so that its
# smallest faces are not found.
MAX_SCANNED_PX = 4_000_000
# The predictor's corners of one eye, those of the other, and the base of the nose.
_LANDMARKS = 5

_PREDICTOR = "shape_predictor_5_face_landmarks.dat"
_NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
_MEND = 'Install it: `pip install "doorbell-edge[vision]"`.'


class DlibDetector:
    """HOG over a picture scaled so that the smallest wanted face fills its window."""

    def __init__(self, dlib: Any, predictor_path: Path) -> None:  # noqa: ANN401 - dlib ships no types
        self._dlib = dlib
        self._hog = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(str(predictor_path))

    def detect(
        self, rgb: NDArray[np.uint8], min_width_px: int
    ) -> Sequence[DetectedFace]:
        """Return the faces at least `min_width_px` wide, largest first."""
        scale = scan_scale(rgb.shape[1], rgb.shape[0], min_width_px)
        # dlib takes no views with gaps, such as a cut-out.
        rgb = np.ascontiguousarray(rgb)
        scanned = _resized(rgb, scale)
        found, scores, _ = self._hog.run(scanned, 0, 0.0)
        faces = [
            self._face(rgb, rectangle, score, scale)
            for rectangle, score in zip(found, scores, strict=True)
        ]
        wide = [face for face in faces if face.box.w >= min_width_px]
        return sorted(wide, key=lambda face: -face.box.w * face.box.h)

    def _face(
        self,
        rgb: NDArray[np.uint8],
        rectangle: Any,  # noqa: ANN401 - dlib ships no types
        score: float,
        scale: float,
    ) -> DetectedFace:
        box = Box(
            round(rectangle.left() / scale),
            round(rectangle.top() / scale),
            round(rectangle.width() / scale),
            round(rectangle.height() / scale),
        )
        landmarks = self.landmarks(rgb, box)
        return DetectedFace(box, float(score), landmarks, yaw(landmarks))

    def landmarks(self, rgb: NDArray[np.uint8], box: Box) -> NDArray[np.float32]:
        """Return the five points of the face in `box`, shape (5, 2), pixels."""
        # dlib's rectangles include their right and bottom edges.
        corner = (box.x + box.w - 1, box.y + box.h - 1)
        rectangle = self._dlib.rectangle(box.x, box.y, *corner)
        shape = self._predictor(rgb, rectangle)
        parts = [shape.part(index) for index in range(_LANDMARKS)]
        return np.array([(part.x, part.y) for part in parts], np.float32)


class DlibEmbedder:
    """dlib's ResNet of 2017; likeness is 1 - L2 distance."""

    dimensions = DIMENSIONS

    def __init__(self, dlib: Any, network_path: Path, space: str) -> None:  # noqa: ANN401 - dlib ships no types
        self._dlib = dlib
        self._network = dlib.face_recognition_model_v1(str(network_path))
        self.space = space

    def align(self, rgb: NDArray[np.uint8], face: DetectedFace) -> NDArray[np.uint8]:
        """Return the upright chip; what lies outside the picture is black."""
        points = [self._dlib.point(int(x), int(y)) for x, y in face.landmarks]
        shape = self._dlib.full_object_detection(
            self._dlib.rectangle(0, 0, 1, 1), self._dlib.points(points)
        )
        whole = np.ascontiguousarray(rgb)
        chip = self._dlib.get_face_chip(whole, shape, CHIP_SIDE, CHIP_PADDING)
        return np.asarray(chip, np.uint8)

    def embed(self, chips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return one embedding a chip."""
        rows = [self._network.compute_face_descriptor(chip) for chip in chips]
        embeddings = np.array(rows, np.float32).reshape(len(chips), DIMENSIONS)
        if not np.isfinite(embeddings).all():
            msg = "the network answered with something that is no number"
            raise BadInputError(msg)
        return embeddings

    def likeness(
        self, probe: NDArray[np.float32], gallery: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return 1 - distance to each row; 1 is the same face, below 0 is possible."""
        return np.asarray(1.0 - np.linalg.norm(gallery - probe, axis=1), np.float32)


def scan_scale(width: int, height: int, min_width_px: int) -> float:
    """Return by how much a picture is scaled before the detector scans it."""
    wanted = HOG_WINDOW_PX / min_width_px
    bound = (MAX_SCANNED_PX / (width * height)) ** 0.5
    # One pixel in either direction must remain.
    return float(max(min(wanted, bound), 1 / min(width, height)))


def _resized(rgb: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1.0:
        return rgb
    height, width = rgb.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(picture)


def yaw(landmarks: NDArray[np.float32]) -> float:
    """Return how far the nose lies from the middle of the eyes, -1..1.

    +1 or -1: below the middle of one eye, or farther out.
    """
    one, other = landmarks[0:2].mean(axis=0), landmarks[2:4].mean(axis=0)
    across = one - other
    length = float(across @ across)
    if length == 0.0:
        return 0.0
    aside = float((landmarks[4] - (one + other) / 2) @ across) / length * 2
    return max(-1.0, min(1.0, aside))


def open_engine(vision: Vision) -> Engine:
    """Load the networks.

    Raises:
        UnavailableError: the library or its model files are not installed.
    """
    dlib = _library()
    predictor, network = _model_file(_PREDICTOR), _model_file(_NETWORK)
    space = embedding_space([predictor, network], ALIGNMENT)
    return Engine(
        name="dlib",
        detector=DlibDetector(dlib, predictor),
        embedder=DlibEmbedder(dlib, network, space),
        point=_point(vision),
    )


def embedding_space(files: Sequence[Path], alignment: str) -> str:
    """Return the digest of what an embedding depends on: models and alignment."""
    digest = hashlib.sha256(alignment.encode())
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _point(vision: Vision) -> OperatingPoint:
    own = DLIB_POINT
    return OperatingPoint(
        known_at=own.known_at if vision.known_at is None else vision.known_at,
        unsure_at=own.unsure_at if vision.unsure_at is None else vision.unsure_at,
        min_margin=own.min_margin,
        comfort=own.comfort,
        apart_below=own.apart_below,
    )


def _library() -> Any:  # noqa: ANN401 - dlib ships no types
    try:
        import dlib  # noqa: PLC0415 - its absence is an answer, not a crash on import
    except ImportError as error:
        msg = f"dlib cannot be loaded: {error}"
        raise UnavailableError(msg, hint=_MEND) from error
    return dlib


def _model_file(name: str) -> Path:
    # Found without importing the package, which needs pkg_resources.
    spec = importlib.util.find_spec("face_recognition_models")
    places = (spec.submodule_search_locations if spec else None) or []
    for place in places:
        path = Path(place, "models", name)
        if path.is_file():
            return path
    msg = f"the model file {name} is missing"
    raise UnavailableError(msg, hint=_MEND)
