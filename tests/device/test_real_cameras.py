"""V4L2 cameras of the kernel and picamera2 on libcamera: beyond the contract."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from device_world import (
    LOOPBACK,
    WEBCAM,
    Porch,
    plug_webcam,
    unplug_webcam,
    virtual_camera,
    why_no_device,
)

from config.door import Camera as Settings
from doorbell.adapters.camera_picamera2 import Picamera2Camera
from doorbell.adapters.camera_v4l2 import V4l2Camera
from doorbell.adapters.clock import SystemClock
from doorbell.adapters.jpeg import encode
from doorbell.adapters.sealed import sealed_memfd
from doorbell.ports.camera import CameraAbsentError, CameraBusyError
from doorbell.runtime import ring
from doorbell.stages.capture import CaptureStage
from doorbell.stages.messages import CameraState, FrameTaken, LendSlot
from doorbell.testing.outlet import RecordingOutlet
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from doorbell.ports.camera import Camera, Frame

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(bool(why_no_device()), reason=why_no_device()),
]

WIDTH, HEIGHT = 320, 240
SLOTS = 4
RED, BLUE = (200, 20, 20), (20, 20, 200)
# What the ways through YUV and JPEG may change of a colour.
TOLERANCE = 25

# Opens a camera, says so, and reads until it is killed.
HOLDER = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from config.door import Camera as Settings
from device_world import virtual_camera
from doorbell.adapters.camera_picamera2 import Picamera2Camera
from doorbell.adapters.camera_v4l2 import V4l2Camera
settings = Settings(source=sys.argv[1], width=320, height=240)
camera = (
    V4l2Camera(settings)
    if settings.source.startswith("v4l2")
    else Picamera2Camera(settings, device=virtual_camera)
)
camera.open()
while camera.read(5.0) is None:
    pass
print("streams", flush=True)
while True:
    camera.read(1.0)
"""


def v4l2(node: str) -> V4l2Camera:
    return V4l2Camera(Settings(source=f"v4l2:{node}", width=WIDTH, height=HEIGHT))


def picamera2(number: int = 0) -> Picamera2Camera:
    settings = Settings(source="picamera2", width=WIDTH, height=HEIGHT)
    return Picamera2Camera(settings, number, device=virtual_camera)


def next_frame(camera: Camera) -> Frame:
    return until(lambda: camera.read(0.2), 10.0, "a frame")


def two_halves() -> NDArray[np.uint8]:
    rgb = np.empty((480, 640, 3), np.uint8)
    rgb[:, :320], rgb[:, 320:] = RED, BLUE
    return rgb


def shows_red_left_of_blue(rgb: NDArray[np.uint8]) -> bool:
    middle, width = rgb[rgb.shape[0] // 2].astype(int), rgb.shape[1]
    left, right = middle[width // 4], middle[-width // 4]
    off = np.abs(left - RED).max(), np.abs(right - BLUE).max()
    return bool(max(off) <= TOLERANCE)


@pytest.fixture
def porch() -> Iterator[Porch]:
    with Porch(640, 480) as one:
        one.show(two_halves())
        yield one


@pytest.fixture
def webcam() -> Iterator[V4l2Camera]:
    plug_webcam()
    camera = v4l2(WEBCAM)
    yield camera
    camera.close()
    plug_webcam()


def test_v4l2_delivers_what_is_before_the_camera(porch: Porch) -> None:
    camera = v4l2(LOOPBACK)
    assert camera.open().startswith("Porch at /dev/video")
    until(lambda: shows_red_left_of_blue(next_frame(camera).rgb))
    porch.show(two_halves()[:, ::-1])
    until(lambda: shows_red_left_of_blue(next_frame(camera).rgb[:, ::-1]))
    camera.close()


def test_v4l2_node_that_delivers_nothing_is_absent() -> None:
    with pytest.raises(CameraAbsentError, match="delivers no video") as caught:
        v4l2(LOOPBACK).open()
    assert caught.value.hint


def test_v4l2_that_stands_still_makes_nobody_wait(porch: Porch) -> None:
    camera = v4l2(LOOPBACK)
    camera.open()
    next_frame(camera)
    porch.pause()
    until(lambda: camera.read(0.2) is None)
    began_s = time.monotonic()
    camera.close()
    assert time.monotonic() - began_s < 4
    with pytest.raises(CameraBusyError, match="earlier attempt"):
        camera.open()
    porch.resume()
    # OpenCV waits in vain for up to 10 s, then lets go.
    until(lambda: reopened(camera), 30.0)
    next_frame(camera)
    camera.close()


def reopened(camera: Camera) -> str:
    try:
        return camera.open()
    except CameraBusyError:
        return ""


def test_v4l2_of_another_program_is_busy_until_that_ends(webcam: V4l2Camera) -> None:
    other = subprocess.Popen(
        ["/usr/bin/v4l2-ctl", "-d", WEBCAM, "--stream-mmap", "--stream-count=10000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        assert other.stderr is not None
        assert other.stderr.read(1), "v4l2-ctl shows a sign for each frame"
        with pytest.raises(CameraBusyError) as caught:
            webcam.open()
        assert "fuser" in caught.value.hint
    finally:
        other.kill()
        other.communicate()
    assert webcam.open()


def test_v4l2_that_is_unplugged_is_absent_and_comes_back(webcam: V4l2Camera) -> None:
    webcam.open()
    next_frame(webcam)
    unplug_webcam()
    with pytest.raises(CameraAbsentError, match="no more frames"):
        until(lambda: webcam.read(0.2) and False, 10.0)
    webcam.close()
    with pytest.raises(CameraAbsentError, match="No such file"):
        webcam.open()
    plug_webcam()
    until(lambda: os.path.exists(WEBCAM))  # noqa: PTH110 - a device node
    assert webcam.open()
    next_frame(webcam)


@pytest.mark.parametrize("source", [f"v4l2:{WEBCAM}", "picamera2"])
def test_camera_of_a_killed_process_is_free(source: str) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, source], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"streams\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    camera = v4l2(WEBCAM) if source.startswith("v4l2") else picamera2()
    assert camera.open()
    next_frame(camera)
    camera.close()


def test_picamera2_delivers_what_libcamera_sees() -> None:
    camera = picamera2()
    # This camera has one size and one format, whatever was asked for.
    assert camera.open() == "porch, 640x480 NV12"
    frame = next_frame(camera)
    assert frame.rgb.shape == (HEIGHT, WIDTH, 3)
    assert shows_red_left_of_blue(frame.rgb)
    assert frame.look is None or frame.look.shape == (120, 160)
    camera.close()


def test_picamera2_held_already_is_busy() -> None:
    first = picamera2()
    first.open()
    with pytest.raises(CameraBusyError):
        picamera2().open()
    next_frame(first)
    first.close()


@pytest.fixture
def frame_ring() -> Iterator[ring.MemfdRing]:
    slot_size = ring.slot_bytes(WIDTH, HEIGHT)
    fd = ring.create(SLOTS, slot_size)
    yield ring.MemfdRing(fd, SLOTS, slot_size)
    os.close(fd)


def test_capture_stage_takes_back_a_camera_that_was_unplugged(
    webcam: V4l2Camera, frame_ring: ring.MemfdRing
) -> None:
    settings = Settings(source=f"v4l2:{WEBCAM}", width=WIDTH, height=HEIGHT)
    outlet, clock = RecordingOutlet(), SystemClock()
    stage = CaptureStage(
        settings, frame_ring, webcam, clock, encode=encode, seal=sealed_memfd
    )
    stage.start(outlet)
    stage.handle(LendSlot(slot=1, generation=7), ())

    def condition() -> str:
        stage.turn(time.monotonic())
        states = outlet.of(CameraState)
        return states[-1].condition if states else ""

    until(lambda: condition() == "ok", 20.0)
    until(lambda: condition() and outlet.of(FrameTaken), 20.0)
    unplug_webcam()
    until(lambda: condition() == "absent", 20.0)
    assert outlet.of(CameraState)[-1].hint
    plug_webcam()
    until(lambda: condition() == "ok", 40.0)
    stage.close()
