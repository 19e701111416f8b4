"""Capture writes only what it was lent, and a bad camera is a state, not an end."""

from __future__ import annotations

import math
import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
from descriptors import left_open, open_files

from config.door import Camera as Settings
from doorbell.adapters.jpeg import encode
from doorbell.adapters.sealed import read_sealed, sealed_memfd
from doorbell.core.errors import UnavailableError
from doorbell.core.stamp import NS_PER_S, Stamp
from doorbell.runtime import ring
from doorbell.stages.capture import ERRAND_WITHIN_S, CaptureStage
from doorbell.stages.messages import (
    CameraState,
    EncodePicture,
    FrameRef,
    FrameTaken,
    LendSlot,
    PictureEncoded,
)
from doorbell.testing.camera import FakeCamera

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from doorbell.ports.camera import Camera

SLOTS, WIDTH, HEIGHT = 3, 320, 240
SETTINGS = Settings(source="none", width=WIDTH, height=HEIGHT, rate_fps=5)
DEADLINE_S = 5.0


@dataclass
class Hours:
    """A clock that moves only when told."""

    ns: int = 100 * NS_PER_S

    def mono_ns(self) -> int:
        return self.ns

    def now(self) -> Stamp:
        return Stamp("0" * 32, self.ns, self.ns, synced=True)

    def pass_s(self, seconds: float) -> None:
        # Rounded up, or a rest of less than a nanosecond would never pass.
        self.ns += math.ceil(seconds * NS_PER_S)


@dataclass
class Hub:
    """The other end of the link: keeps what the stage said."""

    messages: list[object] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        self.messages.append(message)
        self.pictures.extend(read_sealed(fd, 1 << 20) for fd in fds)

    def busy(self, within_s: float) -> None:
        self.messages.append(within_s)

    def conditions(self) -> list[str]:
        return [m.condition for m in self.messages if isinstance(m, CameraState)]

    def frames(self) -> list[FrameRef]:
        return [m.frame for m in self.messages if isinstance(m, FrameTaken)]


class Scene:
    """A stage with a camera, and time that passes as the stage asks for it."""

    def __init__(self, camera: Camera | None, settings: Settings = SETTINGS) -> None:
        self.clock, self.hub = Hours(), Hub()
        self.tidied_ns: list[int] = []
        slot_size = ring.slot_bytes(WIDTH, HEIGHT)
        fd = ring.create(SLOTS, slot_size)
        self.ring = ring.MemfdRing(fd, SLOTS, slot_size)
        os.close(fd)
        self.stage = CaptureStage(
            settings,
            self.ring,
            camera,
            self.clock,
            encode=encode,
            seal=sealed_memfd,
            tidy=lambda: self.tidied_ns.append(self.clock.ns),
        )
        self.detail = self.stage.start(self.hub)
        # As after the first loan, which the hub makes at once.
        self.stage._is_wanted = True

    def turn(self) -> None:
        """One turn, then the time it asked for; a device's thread runs in real time."""
        wait_s = self.stage.turn(self.clock.ns / NS_PER_S)
        if self.stage._errand is not None:
            time.sleep(0.001)
        else:
            self.clock.pass_s(wait_s)

    def turn_until(self, is_true: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while not is_true():
            assert time.monotonic() < deadline_s, self.hub.messages[-5:]
            self.turn()

    def lend(self, *loans: tuple[int, int]) -> None:
        for slot, generation in loans:
            self.stage.handle(LendSlot(slot=slot, generation=generation), ())

    def fake(self, script: str, opens: str = "ok") -> None:
        """Exchange the camera for a scripted one whose waits take no real time."""
        self.stage._camera = FakeCamera(
            script,
            opens=opens,
            width=WIDTH,
            height=HEIGHT,
            clock_ns=self.clock.mono_ns,
            wait=self.clock.pass_s,
        )


@pytest.fixture
def scene() -> Iterator[Scene]:
    found = Scene(FakeCamera())
    yield found
    found.stage.close()


def test_a_camera_is_left_alone_until_the_first_loan(scene: Scene) -> None:
    """In a standby it is the other slot's; the first loan is the takeover."""
    scene.stage._is_wanted = False
    scene.fake("ok")
    for _ in range(5):
        scene.turn()
    assert not scene.hub.conditions()
    scene.lend((2, 7))
    scene.turn_until(scene.hub.frames)


def test_frame_arrives_in_the_lent_slot_with_its_numbers(scene: Scene) -> None:
    scene.fake("ok")
    scene.lend((2, 7))
    scene.turn_until(scene.hub.frames)
    (frame,) = scene.hub.frames()
    assert (frame.slot, frame.generation) == (2, 7)
    rgb = scene.ring.view(2, 7, frame.width, frame.height)
    assert frame.brightness == pytest.approx(rgb.mean(), abs=2.0)
    assert frame.sharpness > 0
    assert frame.motion == 0
    assert frame.mono_ns <= scene.clock.ns


def test_motion_is_told_from_the_second_frame_on(scene: Scene) -> None:
    scene.fake("ok ok frozen")
    scene.lend((0, 1), (1, 1), (2, 1))
    scene.turn_until(lambda: len(scene.hub.frames()) == 3)
    first, moved, still = (frame.motion for frame in scene.hub.frames())
    assert (first, still) == (0.0, 0.0)
    assert moved > 0.1


def test_first_frame_of_a_camera_found_again_shows_no_motion(scene: Scene) -> None:
    scene.fake("ok gone ok")
    scene.lend((0, 1), (1, 1))
    scene.turn_until(lambda: len(scene.hub.frames()) == 2)
    assert [frame.motion for frame in scene.hub.frames()] == [0.0, 0.0]


def test_without_a_loan_nothing_is_written(scene: Scene) -> None:
    scene.fake("ok")
    scene.lend((0, 1), (1, 1))
    scene.turn_until(lambda: len(scene.hub.frames()) == 2)
    slots = [bytes(scene.ring._map), len(scene.hub.frames())]
    for _ in range(20):
        scene.turn()
    assert [bytes(scene.ring._map), len(scene.hub.frames())] == slots


def test_loans_are_used_in_the_order_they_came(scene: Scene) -> None:
    scene.fake("ok")
    scene.lend((1, 4), (0, 9))
    scene.turn_until(lambda: len(scene.hub.frames()) == 2)
    assert [frame.slot for frame in scene.hub.frames()] == [1, 0]


def test_frames_keep_the_rate_of_the_settings(scene: Scene) -> None:
    scene.fake("ok")
    scene.lend((0, 1))
    scene.turn_until(scene.hub.frames)
    began_ns, times = scene.clock.ns, 0
    while scene.clock.ns < began_ns + 10 * NS_PER_S:
        scene.lend((0, times + 2))
        scene.turn()
        times += 1
    taken = len(scene.hub.frames()) - 1
    assert taken == pytest.approx(10 * SETTINGS.rate_fps, abs=2)


def test_camera_is_ok_from_its_first_frame(scene: Scene) -> None:
    scene.fake("ok")
    scene.turn_until(scene.hub.conditions)
    for _ in range(20):
        scene.turn()
    assert scene.hub.conditions() == ["ok"]


def test_unplugged_camera_is_told_and_found_again(scene: Scene) -> None:
    scene.fake("ok ok gone ok", opens="ok absent absent ok")
    scene.turn_until(lambda: scene.hub.conditions() == ["ok", "absent", "ok"])
    state = next(m for m in scene.hub.messages if isinstance(m, CameraState))
    assert state.hint == ""
    absent = [m for m in scene.hub.messages if isinstance(m, CameraState)][1]
    assert absent.detail
    assert absent.hint


def test_busy_camera_is_told_as_busy(scene: Scene) -> None:
    scene.fake("ok", opens="busy busy ok")
    scene.turn_until(lambda: scene.hub.conditions() == ["busy", "ok"])


def test_silent_camera_is_closed_and_opened_anew(scene: Scene) -> None:
    scene.fake("ok " + "stall " * 120 + "ok")
    scene.turn_until(lambda: scene.hub.conditions() == ["ok", "absent", "ok"])
    camera = scene.stage._camera
    assert isinstance(camera, FakeCamera)
    assert camera.opened == 2


@pytest.mark.parametrize("fault", ["black", "frozen"])
def test_bad_picture_is_told_and_its_end_too(scene: Scene, fault: str) -> None:
    scene.fake("ok " + f"{fault} " * 400 + "ok")
    scene.turn_until(lambda: scene.hub.conditions() == ["ok", fault, "ok"])


def test_absent_camera_is_tried_ever_less_often(scene: Scene) -> None:
    scene.fake("ok", opens="absent")
    began_ns, attempts = scene.clock.ns, 0
    while scene.clock.ns < began_ns + 120 * NS_PER_S:
        before = scene.stage._errand
        scene.turn()
        attempts += before is None and scene.stage._errand is not None
    assert 5 <= attempts <= 9


def test_picture_is_encoded_into_a_descriptor(scene: Scene) -> None:
    scene.fake("ok")
    scene.lend((0, 1))
    scene.turn_until(scene.hub.frames)
    scene.stage.handle(EncodePicture(request=5, frame=scene.hub.frames()[0]), ())
    assert scene.hub.messages[-1] == PictureEncoded(request=5)
    assert scene.hub.pictures[0].startswith(b"\xff\xd8")


def test_picture_of_a_slot_lent_again_is_an_error(scene: Scene) -> None:
    scene.fake("ok")
    scene.lend((0, 1))
    scene.turn_until(scene.hub.frames)
    old = scene.hub.frames()[0]
    scene.lend((0, 2))
    scene.turn_until(lambda: len(scene.hub.frames()) == 2)
    scene.stage.handle(EncodePicture(request=6, frame=old), ())
    answer = scene.hub.messages[-1]
    assert isinstance(answer, PictureEncoded)
    assert "generation" in answer.error
    assert not scene.hub.pictures


def test_no_descriptor_is_left_open(scene: Scene) -> None:
    scene.fake("ok")
    scene.lend((0, 1))
    scene.turn_until(scene.hub.frames)
    before = open_files()
    for request in range(20):
        wanted = EncodePicture(request=request, frame=scene.hub.frames()[0])
        scene.stage.handle(wanted, (os.dup(0),))
    assert not left_open(before)


def test_camera_none_is_off_and_costs_nothing() -> None:
    scene = Scene(None)
    assert scene.hub.conditions() == ["off"]
    assert scene.stage.turn(0.0) >= 1.0
    scene.stage.close()


class Sleeper(FakeCamera):
    """A device whose `open` hangs until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.wake = threading.Event()

    def open(self) -> str:
        self.wake.wait(DEADLINE_S)
        return super().open()


def test_device_that_hangs_delays_no_message_and_ends_the_process_in_time() -> None:
    camera = Sleeper()
    scene = Scene(camera)
    scene.turn()
    frame = FrameRef(slot=0, generation=1, width=WIDTH, height=HEIGHT, mono_ns=0)
    scene.ring.fill(0, 1, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    scene.stage.handle(EncodePicture(request=1, frame=frame), ())
    assert scene.hub.pictures
    began_s = time.monotonic()
    assert scene.stage.turn(scene.clock.ns / NS_PER_S) > 0
    assert time.monotonic() - began_s < 0.5
    scene.clock.pass_s(ERRAND_WITHIN_S + 1)
    with pytest.raises(UnavailableError):
        scene.turn()
    camera.wake.set()
    scene.stage.close()


def test_memory_is_given_back_a_second_after_a_picture_for_people(scene: Scene) -> None:
    def frames_after(seconds: float) -> None:
        end_ns = scene.clock.ns + seconds * NS_PER_S
        while scene.clock.ns < end_ns:
            scene.turn()
            # As the hub's next loan wakes the loop between two frames.
            scene.stage.turn(scene.clock.ns / NS_PER_S)
            scene.clock.pass_s(0.01)
            scene.stage.turn(scene.clock.ns / NS_PER_S)

    scene.lend((0, 1))
    scene.turn_until(scene.hub.frames)
    frames_after(3.0)
    before = len(scene.tidied_ns)
    frames_after(3.0)
    assert len(scene.tidied_ns) == before
    asked_ns = scene.clock.ns
    scene.stage.handle(EncodePicture(request=5, frame=scene.hub.frames()[0]), ())
    frames_after(3.0)
    [given_back_ns] = scene.tidied_ns[before:]
    assert 1.0 <= (given_back_ns - asked_ns) / NS_PER_S < 1.5
