"""Find and read the faces of one picture, announcing every slow step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core import chip as chips
from doorbell.core.decision import Box
from doorbell.core.errors import BadInputError
from doorbell.core.exposure import brought_out
from doorbell.core.quality import FaceMeasures, complaint, face_quality, weight_of
from doorbell.core.tracks import Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from doorbell.ports.clock import Clock
    from doorbell.ports.faces import DetectedFace, Engine

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
# Eight embeddings take 0.7 s on a PC without BLAS; a crowd must not stall the bell.
MAX_READ = 8
# More boxes than anybody looks at; they must fit one message.
MAX_FACES = 32
# Before anything was measured: the slowest published embedding on a Pi takes 3.2 s.
FIRST_STEP_S = 30.0
LEAST_STEP_S = 5.0
# A loaded or throttled Pi is a few times slower than in its rehearsal.
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class ReadFace:
    """A face, measured and read.

    Attributes:
        box: within the picture.
        embedding: None when it could not be read; `note` says why.
        note: what is wrong with it, or empty.
        chip: the aligned face.
    """

    box: Box
    score: float
    measures: FaceMeasures
    embedding: NDArray[np.float32] | None
    note: str
    chip: NDArray[np.uint8] | None = None

    def sighting(self) -> Sighting:
        """Return what a visit's evidence needs of it."""
        return Sighting(
            self.box,
            self.embedding,
            face_quality(self.measures),
            self.note,
            self.chip,
            weight=weight_of(self.score),
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """All faces of a picture, largest first, and how long each step took."""

    faces: list[ReadFace]
    took_ms: dict[str, float]


class FaceReader:
    """Drives an engine; keeps the worker's promise about how long it is silent."""

    def __init__(
        self, engine: Engine, busy: Callable[[float], None], clock: Clock
    ) -> None:
        self._engine = engine
        self._busy = busy
        self._clock = clock
        self._slowest_s: dict[str, float] = {}

    def read(self, rgb: NDArray[np.uint8], min_width_px: int) -> Reading:
        """Return the faces at least `min_width_px` wide, the largest 8 embedded.

        A dark picture is brought out first; that counts as part of detection.
        """
        began_ns = self._announce("detect")
        lit = brought_out(rgb)
        seen = rgb if lit is None else lit
        found = list(self._engine.detector.detect(seen, min_width_px))[:MAX_FACES]
        detect_ns = self._note_time("detect", began_ns)
        began_ns = self._clock.mono_ns()
        faces = [self._read(rgb, seen, face, rank) for rank, face in enumerate(found)]
        embed_ns = self._clock.mono_ns() - began_ns
        took = {"detect": detect_ns / NS_PER_MS, "embed": embed_ns / NS_PER_MS}
        return Reading(faces, took)

    def embed(self, chips_: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed aligned faces.

        Raises:
            BadInputError: the network gave no numbers.
        """
        began_ns = self._announce("embed")
        rows = self._engine.embedder.embed(chips_)
        self._note_time("embed", began_ns)
        return rows

    def embed_one(self, chip: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Embed one chip; None when the network gives no numbers."""
        try:
            rows = self.embed([chip])
        except BadInputError:
            return None
        first: NDArray[np.float32] = rows[0]
        return first

    def _read(
        self,
        rgb: NDArray[np.uint8],
        seen: NDArray[np.uint8],
        face: DetectedFace,
        rank: int,
    ) -> ReadFace:
        embedder = self._engine.embedder
        chip = embedder.align(seen, face)
        # How dark it was is told as the camera saw it.
        as_taken = chip if seen is rgb else embedder.align(rgb, face)
        measures = FaceMeasures(
            width_px=face.box.w,
            sharpness=chips.sharpness(chip) / self._engine.sharpness_unit,
            brightness=chips.brightness(as_taken),
            yaw=face.yaw,
        )
        embedding, note = self._embedding(chip, rank)
        return ReadFace(
            box=inside(face.box, rgb.shape[1], rgb.shape[0]),
            score=face.score,
            measures=measures,
            embedding=embedding,
            note=note or complaint(measures),
            chip=chip if embedding is not None else None,
        )

    def _embedding(
        self, chip: NDArray[np.uint8], rank: int
    ) -> tuple[NDArray[np.float32] | None, str]:
        if rank >= MAX_READ:
            return None, "too many faces"
        embedding = self.embed_one(chip)
        return embedding, "" if embedding is not None else "could not be read"

    def _announce(self, step: str) -> int:
        slowest_s = self._slowest_s.get(step)
        within_s = (
            FIRST_STEP_S
            if slowest_s is None
            else max(LEAST_STEP_S, slowest_s * PATIENCE)
        )
        self._busy(within_s)
        return self._clock.mono_ns()

    def _note_time(self, step: str, began_ns: int) -> int:
        took_ns = self._clock.mono_ns() - began_ns
        took_s = took_ns / NS_PER_S
        self._slowest_s[step] = max(took_s, self._slowest_s.get(step, 0.0))
        return took_ns


def inside(box: Box, width: int, height: int) -> Box:
    """Return the part of a box that lies in a picture."""
    left, top = max(0, box.x), max(0, box.y)
    right, bottom = min(width, box.x + box.w), min(height, box.y + box.h)
    return Box(left, top, max(0, right - left), max(0, bottom - top))
