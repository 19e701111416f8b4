"""What a recognition engine is to the vision stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from doorbell.core.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from doorbell.core.decision import Box
    from doorbell.core.faces import OperatingPoint


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """A face found in a frame.

    Attributes:
        box: in pixels of the frame; may reach over its edge.
        score: the detector's confidence in its own units, higher is surer.
        landmarks: shape (5, 2), pixels: both corners of the right eye and of the left
            one, and the base of the nose, or (5, 2) as eyes, nose, mouth corners: the
            order belongs to the engine, whose embedder is its only reader.
        yaw: how far the face looks aside, -1..1; 0 is into the camera.
    """

    box: Box
    score: float
    landmarks: NDArray[np.float32]
    yaw: float


class FaceDetector(Protocol):
    """Finds faces and their landmarks."""

    def detect(
        self, rgb: NDArray[np.uint8], min_width_px: int
    ) -> Sequence[DetectedFace]:
        """Return the faces at least `min_width_px` wide, largest first."""
        ...


class FaceEmbedder(Protocol):
    """Turns a face into a vector.

    Attributes:
        space: digest of the network and its alignment; only equal spaces compare.
        dimensions: length of an embedding.
    """

    space: str
    dimensions: int

    def align(self, rgb: NDArray[np.uint8], face: DetectedFace) -> NDArray[np.uint8]:
        """Return the upright chip the network sees, shape (side, side, 3)."""
        ...

    def embed(self, chips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return one embedding a chip, shape (len(chips), dimensions).

        Raises:
            BadInputError: the network answered with something that is no number.
        """
        ...

    def likeness(
        self, probe: NDArray[np.float32], gallery: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return how alike the probe (D,) is to each row (N, D); higher is more."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """A detector and an embedder that belong together.

    Attributes:
        note: what is missing and which one command would improve it; empty when
            nothing would.
        sharpness_unit: how much sharper its chips are than dlib's of the same face, in
            whose units `core.quality` draws its lines.
        meter: counts what its networks do.
    """

    name: str
    detector: FaceDetector
    embedder: FaceEmbedder
    point: OperatingPoint
    note: str = ""
    sharpness_unit: float = 1.0
    meter: Meter = field(default_factory=Meter)
