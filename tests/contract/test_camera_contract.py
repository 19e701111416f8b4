"""What every camera promises, asked of each that can be had here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from device_world import (
    LOOPBACK,
    WEBCAM,
    Porch,
    virtual_camera,
    why_no_device,
)

from config.door import Camera as Settings
from doorbell.adapters.camera_folder import FolderCamera
from doorbell.adapters.camera_picamera2 import Picamera2Camera
from doorbell.adapters.camera_rtsp import RtspCamera
from doorbell.adapters.camera_v4l2 import V4l2Camera
from doorbell.ports.camera import CameraAbsentError, CameraBusyError
from doorbell.testing.camera import FakeCamera
from doorbell.testing.rtsp import RtspServer, why_no_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doorbell.ports.camera import Camera, Frame

WIDTH, HEIGHT = 320, 240
RTSP_PROGRAM = Path(__file__).parents[1] / "counterparts" / "rtsp_server.py"


@dataclass
class Subject:
    """A camera that works, and one of the same kind that is not there."""

    camera: Camera
    absent: Camera


def _folder(path: Path) -> Subject:
    picture = np.full((480, 640, 3), (40, 90, 200), np.uint8)
    cv2.imwrite(str(path / "porch.png"), picture)
    works = Settings(source=f"folder:{path}", width=WIDTH, height=HEIGHT, rate_fps=20)
    gone = Settings(source=f"folder:{path}/nothing", width=WIDTH, height=HEIGHT)
    return Subject(FolderCamera(works), FolderCamera(gone))


def _rtsp(server: RtspServer) -> Subject:
    works = Settings(source=server.url, width=WIDTH, height=HEIGHT)
    gone = Settings(source="rtsp://127.0.0.1:1/door", width=WIDTH, height=HEIGHT)
    return Subject(RtspCamera(works), RtspCamera(gone))


def _v4l2(node: str) -> Subject:
    works = Settings(source=f"v4l2:{node}", width=WIDTH, height=HEIGHT)
    gone = Settings(source="v4l2:/dev/video99", width=WIDTH, height=HEIGHT)
    return Subject(V4l2Camera(works), V4l2Camera(gone))


def _picamera2() -> Subject:
    settings = Settings(source="picamera2", width=WIDTH, height=HEIGHT)
    return Subject(
        Picamera2Camera(settings, device=virtual_camera),
        Picamera2Camera(settings, number=9, device=virtual_camera),
    )


@pytest.fixture(
    params=[
        "fake",
        "folder",
        "rtsp",
        *(
            pytest.param(name, marks=pytest.mark.device)
            for name in ("v4l2-loopback", "v4l2-webcam", "picamera2")
        ),
    ]
)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    if request.node.get_closest_marker("device") and (reason := why_no_device()):
        pytest.skip(reason)
    match request.param:
        case "v4l2-loopback":
            with Porch(640, 480):
                found = _v4l2(LOOPBACK)
                yield found
                found.camera.close()
        case "v4l2-webcam":
            found = _v4l2(WEBCAM)
            yield found
        case "picamera2":
            found = _picamera2()
            yield found
        case "fake":
            fake = FakeCamera(width=WIDTH, height=HEIGHT)
            found = Subject(fake, FakeCamera(opens="absent"))
            yield found
        case "folder":
            found = _folder(tmp_path)
            yield found
        case _:
            if reason := why_no_server(RTSP_PROGRAM):
                pytest.skip(reason)
            with RtspServer(RTSP_PROGRAM) as server:
                found = _rtsp(server)
                yield found
                found.camera.close()
    found.camera.close()


def next_frame(camera: Camera, within_s: float = 5.0) -> Frame:
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        frame = camera.read(0.05)
        if frame is not None:
            return frame
    pytest.fail("no frame came")


def test_camera_names_itself_and_delivers_rgb_that_fits(subject: Subject) -> None:
    assert subject.camera.open()
    frame = next_frame(subject.camera)
    height, width, channels = frame.rgb.shape
    assert frame.rgb.dtype == np.uint8
    assert channels == 3
    assert 0 < width <= WIDTH
    assert 0 < height <= HEIGHT
    assert frame.rgb.any()


def test_frames_bear_growing_times_of_our_clock(subject: Subject) -> None:
    subject.camera.open()
    before_ns = time.monotonic_ns() - 1_000_000_000
    times_ns = [next_frame(subject.camera).mono_ns for _ in range(3)]
    assert before_ns < times_ns[0] < times_ns[1] < times_ns[2] <= time.monotonic_ns()


def test_read_returns_within_its_timeout(subject: Subject) -> None:
    subject.camera.open()
    next_frame(subject.camera)
    for _ in range(5):
        began_s = time.monotonic()
        subject.camera.read(0.02)
        assert time.monotonic() - began_s < 0.5


def test_camera_can_be_closed_twice_and_opened_again(subject: Subject) -> None:
    subject.camera.close()
    for _ in range(2):
        subject.camera.open()
        next_frame(subject.camera)
        subject.camera.close()
        subject.camera.close()


def test_closed_camera_is_absent(subject: Subject) -> None:
    with pytest.raises(CameraAbsentError):
        subject.camera.read(0.01)


def test_camera_that_is_not_there_says_so_with_a_hint(subject: Subject) -> None:
    with pytest.raises(CameraAbsentError) as caught:
        subject.absent.open()
    assert caught.value.hint
    assert caught.value.exit_code == 75


def test_fake_follows_its_script() -> None:
    waits: list[float] = []
    camera = FakeCamera("ok frozen stall black gone", wait=waits.append)
    camera.open()
    first, again = camera.read(0.1), camera.read(0.1)
    assert first is not None
    assert again is not None
    assert (first.rgb == again.rgb).all()
    assert camera.read(0.1) is None
    assert waits == [0.1]
    black = camera.read(0.1)
    assert black is not None
    assert not black.rgb.any()
    with pytest.raises(CameraAbsentError):
        camera.read(0.1)


def test_fake_can_be_held_by_somebody_else() -> None:
    camera = FakeCamera(opens="busy ok")
    with pytest.raises(CameraBusyError):
        camera.open()
    assert camera.open()


def test_fake_refuses_a_misspelt_script() -> None:
    with pytest.raises(ValueError, match="stal"):
        FakeCamera("ok stal")


@pytest.mark.parametrize(
    ("node", "words"),
    [("/dev/no-such-camera", "No such file"), ("/dev/null", "is no camera")],
)
def test_v4l2_says_why_there_is_no_camera(node: str, words: str) -> None:
    camera = V4l2Camera(Settings(source=f"v4l2:{node}"))
    with pytest.raises(CameraAbsentError, match=words):
        camera.open()
