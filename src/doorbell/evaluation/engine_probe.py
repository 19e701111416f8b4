"""One of our engines in the vision stage of the daemon, driven from a measurement."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import numpy as np

from config.vision import Vision
from doorbell.adapters.engines import open_engine
from doorbell.adapters.model_folder import ModelFolder
from doorbell.adapters.sealed import read_sealed, sealed_memfd
from doorbell.core.errors import BadInputError
from doorbell.core.faces import Gallery
from doorbell.evaluation.plain_recognition import NS_PER_MS, Steps
from doorbell.runtime import wiring
from doorbell.stages.messages import FrameRef
from doorbell.stages.vision import VisionStage
from doorbell.stages.vision_messages import ForgetVisit, LoadGallery, Look, Seen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from doorbell.ports.faces import Engine


class EngineProbe:
    """The stage as `doorbell run` builds it, with a ring of one frame.

    Attributes:
        last: of the last whole frame: milliseconds within networks, and how often they
            ran.
    """

    def __init__(self, name: str, models: Path) -> None:
        """Load it.

        Raises:
            DoorbellError: it is not installed.
        """
        vision = Vision(engine=name)  # type: ignore[arg-type]  # checked where it is opened
        self._least_px = vision.min_face_px
        self._engine: Engine = open_engine(vision, ModelFolder(models))
        self._frame: NDArray[np.uint8] | None = None
        self._seen: Seen | None = None
        self._visits = 0
        self.last: dict[str, float] = {}
        self._stage = VisionStage(
            vision,
            ring=self,
            open_engine=lambda: self._engine,
            encode=lambda _: b"",
            publish=sealed_memfd,
            fetch=read_sealed,
            clock=wiring.system_clock(),
        )
        self._stage.start(self)
        dimensions = self._engine.embedder.dimensions
        row = np.ones((1, dimensions), "<f4")
        message = LoadGallery(version=1, dimensions=dimensions, person_ids=["one"])
        self._stage.handle(message, [sealed_memfd(row.tobytes())])
        self._gallery = Gallery(["one"], row)

    def whole(self, rgb: NDArray[np.uint8]) -> tuple[float, int]:
        """Look at a frame as at that of a visit; returns milliseconds and faces."""
        self._frame = rgb
        self._visits += 1
        visit = f"visit-{self._visits}"
        height, width = rgb.shape[:2]
        look = Look(
            visit=visit, frame=FrameRef(0, 1, width, height, time.monotonic_ns())
        )
        meter = self._engine.meter
        runs, within_ns = meter.runs, meter.took_ns
        began_ns = time.perf_counter_ns()
        self._stage.handle(look, ())
        took_ms = (time.perf_counter_ns() - began_ns) / NS_PER_MS
        self.last = {
            "networks": (meter.took_ns - within_ns) / NS_PER_MS,
            "passes": meter.runs - runs,
        }
        self._stage.handle(ForgetVisit(visit=visit), ())
        return took_ms, len(self._seen.faces) if self._seen else 0

    def steps(self, rgb: NDArray[np.uint8]) -> dict[str, float]:
        """Ask the engine itself, step by step; milliseconds by step."""
        embedder, took = self._engine.embedder, Steps()
        faces = self._engine.detector.detect(rgb, self._least_px)
        took.note("find")
        chips = [embedder.align(rgb, face) for face in faces]
        took.note("align")
        rows = embedder.embed(chips)
        took.note("embed")
        for row in rows:
            self._gallery.nearest(row, embedder.likeness)
        took.note("search")
        return took.ms

    # What the stage needs around it.

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        """Take what the stage says."""
        for fd in fds:
            os.close(fd)
        if isinstance(message, Seen):
            self._seen = message

    def busy(self, within_s: float) -> None:
        """Nobody waits for its beats."""

    def fill(self, _slot: int, _generation: int, _rgb: NDArray[np.uint8]) -> None:
        """No camera writes here."""
        msg = "this ring is not written"
        raise BadInputError(msg)

    def view(
        self, _slot: int, _generation: int, _width: int, _height: int
    ) -> NDArray[np.uint8]:
        """Return the frame at hand."""
        if self._frame is None:
            msg = "there is no frame"
            raise BadInputError(msg)
        return self._frame
