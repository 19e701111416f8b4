"""The vision stage: look at frames, say who is there; extract faces for enrolment.

It judges and forgets: no embedding of a visitor leaves this process except for an
enrolment that the owner asked for.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.burst import is_conclusive
from doorbell.core.calibrated import lines_for, overridden
from doorbell.core.decision import Box
from doorbell.core.errors import BadInputError, DoorbellError
from doorbell.core.faces import Gallery
from doorbell.core.separation import separation
from doorbell.core.tracks import Evidence, Outcome, unread
from doorbell.ports.faces import DetectedFace
from doorbell.stages.answers import extracted, facts_of, seen_of
from doorbell.stages.face_reader import FaceReader
from doorbell.stages.glances import Glances
from doorbell.stages.messages import EncodePicture, FrameRef, PictureEncoded
from doorbell.stages.tidiness import Tidiness, nothing
from doorbell.stages.vision_messages import (
    NO_VISIT,
    EngineReady,
    ExtractFaces,
    FacesExtracted,
    ForgetVisit,
    GalleryJudged,
    JudgeGallery,
    LoadGallery,
    Look,
    Seen,
)
from monitoring.tracing.spans import operation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from config.vision import Vision
    from doorbell.core.faces import OperatingPoint
    from doorbell.ports.clock import Clock
    from doorbell.ports.faces import Engine
    from doorbell.ports.ring import FrameRing
    from doorbell.ports.stage import Outlet

log = logging.getLogger("doorbell.vision")

NS_PER_MS = 1_000_000
# Reading 30 MB of models from a slow card and hashing them; at the first start, also
# converting dlib's network and comparing both, some 25 s on the slowest Pi.
LOADING_S = 60.0
# Leave-one-out over a thousand photographs takes some 2 s on a PC.
JUDGING_S = 60.0
# A photograph of 4096 by 4096 takes some 0.2 s on a PC.
ENCODING_S = 10.0
# The hub forgets each visit; this bounds what a lost message could leave behind.
MAX_VISITS = 16
REHEARSAL_SIZE = (720, 1280, 3)
# Where a face might be; any five points that are not one make a chip for every engine.
INVENTED_FACE = DetectedFace(
    box=Box(540, 260, 200, 200),
    score=1.0,
    landmarks=np.array(
        [(720, 320), (680, 320), (560, 320), (600, 320), (640, 380)], np.float32
    ),
    yaw=0.0,
)
IDLE_S = 60.0
CHANNELS = 3
FLOAT_BYTES = 4
MAX_GALLERY_BYTES = 64 * 1024 * 1024
# Enrolment finds faces down to half the wanted size, to say that they are too small.
LEAST_FACE_PX = 24


class VisionStage:
    """The work of the vision worker (`ports.stage.Stage`).

    Args (of the constructor):
        settings: section `[vision]`.
        ring: where frames lie.
        open_engine: loads the networks; called in `start`.
        encode: makes a JPEG of a frame.
        publish: puts bytes into a sealed memfd; the stage closes it.
        fetch: reads a received memfd, refusing more than so many bytes.
        clock: for timings.
        tidy: gives back memory that the last looks used.
    """

    def __init__(  # noqa: PLR0913 - everything it may touch is named
        self,
        settings: Vision,
        *,
        ring: FrameRing,
        open_engine: Callable[[], Engine],
        encode: Callable[[NDArray[np.uint8]], bytes],
        publish: Callable[[bytes], int],
        fetch: Callable[[int, int], bytes],
        clock: Clock,
        tidy: Callable[[], None] = nothing,
    ) -> None:
        self._settings = settings
        self._tidiness = Tidiness(tidy)
        self._ring = ring
        self._open_engine = open_engine
        self._encode = encode
        self._publish = publish
        self._fetch = fetch
        self._clock = clock
        self._visits: dict[str, Evidence] = {}
        self._glances = Glances()
        self._outlet: Outlet
        self._engine: Engine
        self._reader: FaceReader
        self._gallery: Gallery
        self._point: OperatingPoint

    def start(self, outlet: Outlet) -> str:
        """Load the engine and send one picture through it.

        Raises:
            DoorbellError: the engine or its models are missing.
        """
        self._outlet = outlet
        outlet.busy(LOADING_S)
        self._engine = engine = self._open_engine()
        self._gallery = Gallery.empty(engine.embedder.dimensions)
        self._reader = FaceReader(engine, outlet.busy, self._clock)
        took_ms = self._rehearse()
        self._point = self._point_for(())
        self._tell_engine()
        facts = {"engine": engine.name, "note": engine.note}
        log.info("engine_ready", extra=facts)
        note = f" ({engine.note})" if engine.note else ""
        return f"engine {engine.name}{note}, rehearsal {took_ms:.0f} ms"

    def _tell_engine(self) -> None:
        engine = self._engine
        self._outlet.send(
            EngineReady(
                engine=engine.name,
                space=engine.embedder.space,
                dimensions=engine.embedder.dimensions,
                known_at=self._point.known_at,
                unsure_at=self._point.unsure_at,
                note=engine.note,
            )
        )

    def _point_for(self, owners: Sequence[str]) -> OperatingPoint:
        """Draw the lines for a gallery, by the owner of each of its photographs."""
        settings, own = self._settings, self._engine.point
        lines = lines_for(self._engine.name, owners, settings.strangers_named)
        if lines is None:
            return own
        lines = overridden(lines, settings.known_at, settings.unsure_at)
        return replace(own, known_at=lines.known_at, unsure_at=lines.unsure_at)

    def _rehearse(self) -> float:
        """Detect on a grey porch and embed one face, so that both were once in use."""
        began_ns = self._clock.mono_ns()
        porch = np.full(REHEARSAL_SIZE, 128, np.uint8)
        self._reader.read(porch, self._settings.min_face_px)
        chip = self._engine.embedder.align(porch, INVENTED_FACE)
        self._reader.embed([chip])
        return (self._clock.mono_ns() - began_ns) / NS_PER_MS

    def handle(self, message: object, fds: Sequence[int]) -> None:
        """Take one message and close its descriptors."""
        self._tidiness.used()
        try:
            self._take(message, fds)
        finally:
            for fd in fds:
                os.close(fd)

    def turn(self, now_s: float) -> float:
        """Tidy up once nothing was looked at for a while."""
        return min(IDLE_S, self._tidiness.turn(now_s))

    def descriptors(self) -> Sequence[int]:
        """Only the link wakes this worker."""
        return ()

    def close(self) -> None:
        """Forget everybody."""
        self._visits.clear()

    def _take(self, message: object, fds: Sequence[int]) -> None:
        match message:
            case Look():
                self._look(message)
            case LoadGallery():
                self._load_gallery(message, fds)
            case ForgetVisit():
                self._visits.pop(message.visit, None)
            case ExtractFaces():
                self._extract(message, fds)
            case JudgeGallery():
                self._judge_gallery(message)
            case EncodePicture():
                self._encode_picture(message)
            case _:
                msg = f"vision does not take {type(message).__name__}"
                raise BadInputError(msg)

    def _load_gallery(self, message: LoadGallery, fds: Sequence[int]) -> None:
        count, dimensions = len(message.person_ids), self._engine.embedder.dimensions
        if count and message.dimensions != dimensions:
            msg = f"the gallery has {message.dimensions} dimensions, not {dimensions}"
            raise BadInputError(msg)
        data = self._received(fds, MAX_GALLERY_BYTES) if count else b""
        if len(data) != count * dimensions * FLOAT_BYTES:
            msg = f"{count} rows came with {len(data)} bytes"
            raise BadInputError(msg)
        rows = np.frombuffer(data, "<f4").reshape(count, dimensions)
        self._gallery = Gallery(message.person_ids, rows)
        before = self._point
        self._point = self._point_for(message.person_ids)
        if self._point != before:
            self._tell_engine()

    def _extract(self, message: ExtractFaces, fds: Sequence[int]) -> None:
        request = message.request
        least_px = max(LEAST_FACE_PX, self._settings.min_face_px // 2)
        try:
            rgb = self._pixels(fds, message.width, message.height)
            found = self._reader.read(rgb, least_px).faces
            likeness = self._engine.embedder.likeness
            faces = [extracted(face, self._gallery, likeness) for face in found]
            self._outlet.busy(ENCODING_S)
            jpeg = self._publish(self._encode(rgb))
        except DoorbellError as error:
            self._outlet.send(FacesExtracted(request=request, error=str(error)))
            return
        space = self._engine.embedder.space
        answer = FacesExtracted(request=request, space=space, faces=faces)
        self._send_away(answer, jpeg)

    def _send_away(self, message: object, fd: int) -> None:
        try:
            self._outlet.send(message, [fd])
        finally:
            os.close(fd)

    def _judge_gallery(self, message: JudgeGallery) -> None:
        self._outlet.busy(JUDGING_S)
        found = separation(self._gallery, self._engine.embedder.likeness, self._point)
        self._outlet.send(GalleryJudged(request=message.request, separation=found))

    def _encode_picture(self, message: EncodePicture) -> None:
        request = message.request
        try:
            jpeg = self._publish(self._encode(self._frame(message.frame)))
        except DoorbellError as error:
            self._outlet.send(PictureEncoded(request=request, error=str(error)))
            return
        self._send_away(PictureEncoded(request=request), jpeg)

    def _frame(self, frame: FrameRef) -> NDArray[np.uint8]:
        return self._ring.view(frame.slot, frame.generation, frame.width, frame.height)

    def _look(self, message: Look) -> None:
        """Look at one frame and say what the visit looks like now.

        A frame that cannot be looked at changes nothing of what was seen before.
        """
        frame = message.frame
        with operation("look", width=frame.width, height=frame.height) as done:
            seen = self._looked(message)
            done.note(**facts_of(seen))
        self._outlet.send(seen)

    def _looked(self, message: Look) -> Seen:
        evidence = self._evidence(message.visit)
        error, took_ms = "", dict[str, float]()
        runs = self._engine.meter.runs
        try:
            rgb = self._frame(message.frame)
            if message.follow:
                self._glances.follow(rgb)
                return seen_of(message, Outcome([], [], 0), "", {})
            if message.claim and (seen := self._claim(message, evidence, rgb)):
                return seen
            reading = self._reader.read(rgb, self._settings.min_face_px)
        except DoorbellError as reason:
            error = str(reason)
        else:
            took_ms = reading.took_ms
            sightings = [face.sighting() for face in reading.faces]
            evidence.add(message.frame.mono_ns, sightings)
            if message.visit == NO_VISIT:
                self._glances.saw(evidence, message.frame.mono_ns, rgb)
        outcome = evidence.outcome(self._gallery, message.pressed_ns)
        passes = self._engine.meter.runs - runs
        return seen_of(message, outcome, error, took_ms, passes)

    def _claim(
        self, message: Look, evidence: Evidence, rgb: NDArray[np.uint8]
    ) -> Seen | None:
        """Answer from what was glanced at before, if that is enough.

        Whoever is not in this frame any more lends her name to nobody. Where it is
        not enough, the frame is looked at as usual.
        """
        claimed = self._glances.claim(message.frame.mono_ns, rgb)
        if not claimed:
            return None
        frame_ns = message.frame.mono_ns
        evidence.add(frame_ns, claimed)
        outcome = evidence.outcome(self._gallery, message.pressed_ns)
        if is_conclusive(outcome.standings):
            return seen_of(message, outcome, "", {})
        # It counts beside what this frame is about to show.
        evidence.add(frame_ns, ())
        evidence.add(frame_ns - 1, claimed)
        return None

    def _evidence(self, visit: str) -> Evidence:
        if visit not in self._visits:
            while len(self._visits) >= MAX_VISITS:
                self._visits.pop(next(iter(self._visits)))
            embedder = self._engine.embedder
            # Fusing frames is worth a run of the network once somebody rings.
            embed = self._reader.embed_one if visit != NO_VISIT else unread
            self._visits[visit] = Evidence(embedder.likeness, self._point, embed)
        return self._visits[visit]

    def _received(self, fds: Sequence[int], limit: int) -> bytes:
        if len(fds) != 1:
            msg = f"one descriptor belongs to this message, {len(fds)} came"
            raise BadInputError(msg)
        return self._fetch(fds[0], limit)

    def _pixels(self, fds: Sequence[int], width: int, height: int) -> NDArray[np.uint8]:
        size = width * height * CHANNELS
        data = self._received(fds, size)
        if size <= 0 or len(data) != size:
            msg = f"a picture of {width}x{height} came with {len(data)} bytes"
            raise BadInputError(msg)
        return np.frombuffer(data, np.uint8).reshape(height, width, CHANNELS)
