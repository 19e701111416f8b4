"""Plain `face_recognition`, as its own examples use it: what engines are held to.

`facerec_from_webcam.py` gives it whole frames, `facerec_from_webcam_faster.py` frames
of a quarter of the size. It is no part of the product; the development environment
has it.
"""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from doorbell.core.errors import UnavailableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHIP_SIDE, CHIP_PADDING = 150, 0.25
NS_PER_MS = 1_000_000


def library() -> Any:  # noqa: ANN401 - face_recognition ships no types
    """Return it.

    Raises:
        UnavailableError: it is not installed.
    """
    with warnings.catch_warnings():
        # Its models package imports pkg_resources, which warns of its end.
        warnings.simplefilter("ignore")
        try:
            import face_recognition  # noqa: PLC0415 - in the development environment only
        # Without pkg_resources its models package ends the whole process.
        except (ImportError, SystemExit) as error:
            msg = f"face_recognition cannot be imported: {error}"
            raise UnavailableError(
                msg, hint="`pip install face_recognition`"
            ) from error
    return face_recognition


class PlainRecognition:
    """face_recognition over frames shrunk by a whole number."""

    def __init__(self, shrink: int = 1) -> None:
        """Load its models.

        Raises:
            UnavailableError: it is not installed.
        """
        self._api = library()
        self._shrink = shrink
        self._known = np.zeros((1, 128))

    def whole(self, rgb: NDArray[np.uint8]) -> tuple[float, int]:
        """Do what its examples do; returns milliseconds and how many faces."""
        began_ns = time.perf_counter_ns()
        small = self._small(rgb)
        places = self._api.face_locations(small)
        for encoding in self._api.face_encodings(small, places):
            self._api.compare_faces(self._known, encoding)
            self._api.face_distance(self._known, encoding)
        return (time.perf_counter_ns() - began_ns) / NS_PER_MS, len(places)

    def steps(self, rgb: NDArray[np.uint8]) -> dict[str, float]:
        """Do the same step by step, with what it is made of; milliseconds by step."""
        api, took = self._api.api, Steps()
        small = self._small(rgb)
        places = self._api.face_locations(small)
        shapes = [
            api.pose_predictor_5_point(small, api.dlib.rectangle(x0, y0, x1, y1))
            for y0, x1, y1, x0 in places
        ]
        took.note("find")
        chips = [
            api.dlib.get_face_chip(small, shape, CHIP_SIDE, CHIP_PADDING)
            for shape in shapes
        ]
        took.note("align")
        rows = [np.array(api.face_encoder.compute_face_descriptor(c)) for c in chips]
        took.note("embed")
        for row in rows:
            self._api.face_distance(self._known, row).argmin()
        took.note("search")
        return took.ms

    def _small(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.ascontiguousarray(rgb[:: self._shrink, :: self._shrink])


class Steps:
    """A stopwatch that is read at the end of each step."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self._at_ns = time.perf_counter_ns()

    def note(self, step: str) -> None:
        """A step ended; the next one begins."""
        now_ns = time.perf_counter_ns()
        self.ms[step] = (now_ns - self._at_ns) / NS_PER_MS
        self._at_ns = now_ns
