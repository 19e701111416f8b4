"""What vision saw before the press: claimed by who still stands there, or by nobody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from config.vision import Vision
from doorbell.adapters.sealed import read_sealed, sealed_memfd
from doorbell.core.decision import Box, Decision
from doorbell.stages.messages import FrameRef
from doorbell.stages.vision import VisionStage
from doorbell.stages.vision_messages import NO_VISIT, LoadGallery, Look, Seen
from doorbell.testing.clock import FakeClock
from doorbell.testing.faces import Marker, embedding, open_fake_engine, scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

S = 1_000_000_000
ANNA, BEN, STRANGER = 0.0, 120.0, 240.0
FOLLOW = "follow"
FACE, BESIDE = Box(200, 100, 120, 120), Box(420, 100, 120, 120)


@dataclass
class Porch:
    """A started stage that remembers what it was shown and what it said."""

    pictures: list[NDArray[np.uint8]] = field(default_factory=list)
    said: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        vision = Vision()
        self.stage = VisionStage(
            vision,
            ring=self,
            open_engine=lambda: open_fake_engine(vision),
            encode=lambda _: b"",
            publish=sealed_memfd,
            fetch=read_sealed,
            clock=FakeClock(),
        )
        self.stage.start(self)
        rows = np.stack([embedding(ANNA), embedding(BEN)]).astype("<f4")
        message = LoadGallery(version=1, dimensions=3, person_ids=["anna", "ben"])
        self.stage.handle(message, [sealed_memfd(rows.tobytes())])

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        assert not fds
        self.said.append(message)

    def busy(self, within_s: float) -> None:
        del within_s

    def fill(self, slot: int, generation: int, rgb: NDArray[np.uint8]) -> None:
        raise NotImplementedError

    def view(self, slot: int, generation: int, width: int, height: int) -> object:
        del generation, width, height
        return self.pictures[slot]

    def show(self, at_s: float, visit: str, *markers: tuple[float, Box]) -> Seen:
        self.pictures.append(scene(640, 480, [Marker(h, b) for h, b in markers]))
        frame = FrameRef(len(self.pictures) - 1, 1, 640, 480, int(at_s * S))
        look = Look(
            visit=NO_VISIT if visit == FOLLOW else visit,
            frame=frame,
            claim=visit not in (NO_VISIT, FOLLOW),
            follow=visit == FOLLOW,
        )
        self.stage.handle(look, ())
        seen = self.said[-1]
        assert isinstance(seen, Seen)
        return seen


def was_looked_at(seen: Seen) -> bool:
    """Whether detection ran, as against an answer from memory."""
    return "detect" in seen.took_ms


def test_who_still_stands_there_is_named_without_another_look() -> None:
    porch = Porch()
    porch.show(1.0, NO_VISIT, (ANNA, FACE))
    moved = Box(FACE.x + 16, FACE.y + 8, 120, 120)
    seen = porch.show(1.4, "v", (ANNA, moved))
    assert seen.decision is Decision.KNOWN
    assert not was_looked_at(seen)
    assert abs(seen.faces[0].box.x - moved.x) <= 8


def test_a_passer_by_lends_her_name_to_no_stranger_in_her_place() -> None:
    porch = Porch()
    porch.show(1.0, NO_VISIT, (ANNA, FACE))
    seen = porch.show(1.4, "v", (STRANGER, FACE))
    assert was_looked_at(seen)
    assert seen.decision is Decision.UNKNOWN


def test_a_passer_by_lends_her_name_to_no_stranger_beside_her_place() -> None:
    porch = Porch()
    porch.show(1.0, NO_VISIT, (ANNA, FACE))
    seen = porch.show(1.4, "v", (STRANGER, BESIDE))
    assert was_looked_at(seen)
    assert [face.person_id for face in seen.faces] == [None]


def test_who_left_before_the_last_glance_is_forgotten_at_once() -> None:
    porch = Porch()
    porch.show(1.0, NO_VISIT, (ANNA, FACE))
    porch.show(1.5, NO_VISIT)
    seen = porch.show(1.7, "v", (ANNA, FACE))
    assert was_looked_at(seen)


def test_one_of_two_who_left_makes_the_whole_frame_be_looked_at() -> None:
    porch = Porch()
    porch.show(1.0, NO_VISIT, (ANNA, FACE), (BEN, BESIDE))
    seen = porch.show(1.4, "v", (ANNA, FACE))
    assert was_looked_at(seen)
    assert [face.person_id for face in seen.faces] == ["anna"]


def test_glances_are_forgotten_within_seconds() -> None:
    porch = Porch()
    porch.show(1.0, NO_VISIT, (ANNA, FACE))
    assert was_looked_at(porch.show(8.0, "v", (ANNA, FACE)))


def test_a_glance_at_a_stranger_settles_nothing_by_itself() -> None:
    porch = Porch()
    porch.show(1.0, NO_VISIT, (STRANGER, FACE))
    seen = porch.show(1.4, "v", (STRANGER, FACE))
    assert seen.decision is Decision.UNKNOWN
    assert was_looked_at(seen)


def test_stranger_seen_twice_before_the_press_is_decided_without_another_look() -> None:
    porch = Porch()
    porch.show(1.0, NO_VISIT, (STRANGER, FACE))
    porch.show(1.5, NO_VISIT, (STRANGER, FACE))
    seen = porch.show(1.7, "v", (STRANGER, FACE))
    assert seen.decision is Decision.UNKNOWN
    assert seen.sure
    assert not was_looked_at(seen)


def test_stranger_seen_once_is_looked_at_again() -> None:
    porch = Porch()
    porch.show(1.0, NO_VISIT, (STRANGER, FACE))
    seen = porch.show(1.4, "v", (STRANGER, FACE))
    assert was_looked_at(seen)
    # What was glanced at counts beside it.
    assert seen.sure


def test_each_look_tells_how_often_networks_ran() -> None:
    porch = Porch()
    assert porch.show(1.0, NO_VISIT).passes == 1
    assert porch.show(1.5, NO_VISIT, (ANNA, FACE)).passes == 2
    assert porch.show(1.7, "v", (ANNA, FACE)).passes == 0


def test_face_that_is_followed_may_walk_far_between_two_looks() -> None:
    porch = Porch()
    porch.show(1.0, NO_VISIT, (ANNA, FACE))
    far = Box(FACE.x + 160, FACE.y, FACE.w, FACE.h)
    for step in range(1, 5):
        place = Box(FACE.x + 40 * step, FACE.y, FACE.w, FACE.h)
        assert porch.show(1.0 + 0.2 * step, FOLLOW, (ANNA, place)).passes == 0
    seen = porch.show(2.0, "v", (ANNA, far))
    assert not was_looked_at(seen)
    assert seen.decision is Decision.KNOWN


def test_following_lends_no_name_to_who_steps_into_her_place() -> None:
    porch = Porch()
    porch.show(1.0, NO_VISIT, (ANNA, FACE))
    for at_s in (1.2, 1.4, 1.6):
        porch.show(at_s, FOLLOW, (STRANGER, FACE))
    seen = porch.show(1.8, "v", (STRANGER, FACE))
    assert was_looked_at(seen)
    assert seen.decision is Decision.UNKNOWN


def test_face_that_is_followed_is_forgotten_as_soon_as_any_other() -> None:
    porch = Porch()
    porch.show(1.0, NO_VISIT, (ANNA, FACE))
    for at_s in (3.0, 5.0, 7.0):
        porch.show(at_s, FOLLOW, (ANNA, FACE))
    assert was_looked_at(porch.show(7.2, "v", (ANNA, FACE)))
