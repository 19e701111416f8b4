"""A source read on a thread: the newest frame counts; a hung one hangs nobody."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from config.door import Camera as Settings
from doorbell.adapters import newest
from doorbell.adapters.camera_v4l2 import V4l2Camera
from doorbell.adapters.newest import NewestFrame
from doorbell.ports.camera import CameraAbsentError, CameraBusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cv2.typing import MatLike

DEADLINE_S = 5.0


class Counting:
    """Delivers frames whose blue is their number, until told to fail or hang."""

    def __init__(self) -> None:
        self.number = 0
        self.decoded = 0
        self.fails = False
        self.going = threading.Event()
        self.going.set()
        self.released = threading.Event()
        self.hangs = False

    def grab(self) -> bool:
        self.hangs = not self.going.is_set()
        self.going.wait(DEADLINE_S)
        time.sleep(0.001)
        self.number += 1
        return not self.fails

    def retrieve(self) -> tuple[bool, MatLike]:
        self.decoded += 1
        bgr = np.zeros((2, 2, 3), np.uint8)
        bgr[:, :, 0] = self.number % 256
        return True, bgr

    def release(self) -> None:
        self.released.set()


def reading(source: Counting) -> NewestFrame:
    found = NewestFrame(lambda: source, "test camera", "plug it in")
    found.wait_open(DEADLINE_S)
    return found


def until(is_true: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not is_true():
        assert time.monotonic() < deadline_s
        time.sleep(0.001)


def test_frame_is_from_after_the_question() -> None:
    """Kills the mutant that keeps what was decoded before somebody asked."""
    source = Counting()
    camera = reading(source)
    until(lambda: source.number > 20)
    asked = source.number
    frame = camera.read(DEADLINE_S)
    assert frame is not None
    assert frame.rgb[0, 0, 2] >= asked
    camera.close()


def test_frames_that_nobody_wants_are_not_decoded() -> None:
    source = Counting()
    camera = reading(source)
    camera.read(DEADLINE_S)
    until(lambda: source.number > 50)
    assert source.decoded == 1
    camera.close()


def test_device_that_hangs_makes_no_reader_wait_longer() -> None:
    source = Counting()
    camera = reading(source)
    source.going.clear()
    until(lambda: source.hangs)
    began_s = time.monotonic()
    assert camera.read(0.05) is None
    assert time.monotonic() - began_s < 1.0
    source.going.set()
    camera.close()


def test_device_that_hangs_is_named_stuck_until_it_wakes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(newest, "_JOIN_S", 0.05)
    source = Counting()
    camera = reading(source)
    source.going.clear()
    until(lambda: source.hangs)
    camera.close()
    assert camera.is_stuck()
    source.going.set()
    until(source.released.is_set)
    until(lambda: not camera.is_stuck())


def test_camera_that_we_hold_ourselves_is_not_blamed_on_another_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(newest, "_JOIN_S", 0.01)
    source = Counting()
    camera = V4l2Camera(Settings(source="v4l2:/dev/null"))
    camera._stream.open(lambda: source, "porch", DEADLINE_S)
    source.going.clear()
    until(lambda: source.hangs)
    camera.close()
    with pytest.raises(CameraBusyError, match="earlier attempt"):
        camera.open()
    source.going.set()
    assert source.released.wait(DEADLINE_S)
    camera.close()


def test_source_that_ends_is_absent_and_released() -> None:
    source = Counting()
    camera = reading(source)
    source.fails = True
    until(source.released.is_set)
    with pytest.raises(CameraAbsentError, match="no more frames") as caught:
        camera.read(DEADLINE_S)
    assert caught.value.hint == "plug it in"
    camera.close()


def test_failure_to_connect_reaches_the_one_who_waits() -> None:
    def connect() -> Counting:
        msg = "held"
        raise CameraBusyError(msg)

    with pytest.raises(CameraBusyError, match="held"):
        NewestFrame(connect, "test camera", "plug it in").wait_open(DEADLINE_S)


def test_source_that_never_connects_is_absent() -> None:
    going = threading.Event()

    def connect() -> Counting:
        going.wait(DEADLINE_S)
        return Counting()

    camera = NewestFrame(connect, "test camera", "plug it in")
    with pytest.raises(CameraAbsentError, match="did not answer"):
        camera.wait_open(0.05)
    going.set()
    camera.close()
    assert not camera.is_stuck()
