"""A vision stage, pictures to show it, and what it said of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np

from config.vision import Vision
from doorbell.adapters.sealed import read_sealed, sealed_memfd
from doorbell.core.decision import Box
from doorbell.ports.ring import StaleFrameError
from doorbell.stages.directions import FromWorker
from doorbell.stages.messages import FrameRef
from doorbell.stages.vision import VisionStage
from doorbell.stages.vision_messages import (
    LoadGallery,
    Look,
    Seen,
)
from doorbell.testing.faces import Marker, embedding, open_fake_engine, scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from doorbell.core.stamp import Stamp

Said = TypeVar("Said")
RED, GREEN, BLUE = 0.0, 120.0, 240.0
FACE = Box(200, 100, 120, 120)
SMALL = Box(400, 100, 40, 40)


@dataclass
class Wall:
    """A ring whose slots are pictures handed in."""

    pictures: list[NDArray[np.uint8]] = field(default_factory=list)

    def fill(self, slot: int, generation: int, rgb: NDArray[np.uint8]) -> None:
        raise NotImplementedError

    def view(
        self, slot: int, generation: int, width: int, height: int
    ) -> NDArray[np.uint8]:
        del width, height
        if generation != 1:
            msg = f"slot {slot} holds generation 1, not {generation}"
            raise StaleFrameError(msg)
        return self.pictures[slot]


class CountingClock:
    """A millisecond passes at each look."""

    def __init__(self) -> None:
        self._now_ns = 0

    def mono_ns(self) -> int:
        self._now_ns += 1_000_000
        return self._now_ns

    def now(self) -> Stamp:
        raise NotImplementedError


@dataclass
class Log:
    """An outlet that keeps what was said; messages survive a trip over the wire."""

    said: list[object] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        wire = msgspec.json.encode(message)
        self.said.append(msgspec.json.decode(wire, type=FromWorker))
        self.pictures += [read_sealed(fd, 1 << 20) for fd in fds]

    def busy(self, within_s: float) -> None:
        self.said.append(within_s)

    def last(self, kind: type[Said]) -> Said:
        return next(m for m in reversed(self.said) if isinstance(m, kind))


class Porch:
    """A started stage, its outlet and its ring."""

    def __init__(
        self, faults: str = "", *, engine: str = "fake", vision: Vision | None = None
    ) -> None:
        self.wall, self.log = Wall(), Log()
        vision = vision or Vision()
        # The rehearsal takes one picture and one embedding.
        script = f"ok ok {faults}"
        self.stage = VisionStage(
            vision,
            ring=self.wall,
            open_engine=lambda: replace(open_fake_engine(vision, script), name=engine),
            encode=lambda rgb: b"jpeg of " + str(rgb.shape).encode(),
            publish=sealed_memfd,
            fetch=read_sealed,
            clock=CountingClock(),
        )
        self.detail = self.stage.start(self.log)

    def enrol(self, **people: float) -> None:
        rows = np.stack([embedding(hue) for hue in people.values()]).astype("<f4")
        message = LoadGallery(version=1, dimensions=3, person_ids=list(people))
        self.stage.handle(message, [sealed_memfd(rows.tobytes())])

    def look(
        self, rgb: NDArray[np.uint8], at: int = 0, visit: str = "v", generation: int = 1
    ) -> Seen:
        self.wall.pictures.append(rgb)
        height, width = rgb.shape[:2]
        frame = FrameRef(len(self.wall.pictures) - 1, generation, width, height, at)
        self.stage.handle(Look(visit=visit, frame=frame), ())
        return self.log.last(Seen)


def picture(*markers: tuple[float, Box]) -> NDArray[np.uint8]:
    return scene(640, 480, [Marker(hue, box) for hue, box in markers])
