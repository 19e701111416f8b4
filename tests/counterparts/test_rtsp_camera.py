"""A network camera that goes away and comes back, played by GStreamer's rtsp server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config.door import Camera as Settings
from doorbell.adapters.camera_rtsp import RtspCamera, read_address, shown
from doorbell.core.camera import CameraWatch, WatchLimits
from doorbell.ports.camera import CameraAbsentError
from doorbell.testing.rtsp import RtspServer, why_no_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from doorbell.ports.camera import Frame

PROGRAM = Path(__file__).with_name("rtsp_server.py")


@pytest.fixture
def server() -> Iterator[RtspServer]:
    if reason := why_no_server(PROGRAM):
        pytest.skip(reason)
    with RtspServer(PROGRAM) as found:
        yield found


@pytest.fixture
def camera(server: RtspServer) -> Iterator[RtspCamera]:
    found = RtspCamera(Settings(source=server.url))
    yield found
    found.close()


def frame_within(camera: RtspCamera, seconds: float) -> Frame:
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        frame = camera.read(0.1)
        if frame is not None:
            return frame
    pytest.fail("no frame came")


def read_for(camera: RtspCamera, seconds: float) -> None:
    """Read on: a frame that was on its way may come after the end of its camera."""
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        camera.read(0.1)


def eventually(attempt: Callable[[], object], seconds: float) -> None:
    deadline_s = time.monotonic() + seconds
    while True:
        try:
            attempt()
        except CameraAbsentError:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        else:
            return


def test_frames_move(camera: RtspCamera) -> None:
    assert camera.open().startswith("rtsp://127.0.0.1:")
    first = frame_within(camera, 5.0).rgb
    assert first.shape == (360, 640, 3)
    second = frame_within(camera, 5.0).rgb
    assert (first != second).any()


def test_slow_reader_gets_the_newest_frame(camera: RtspCamera) -> None:
    """Kills the mutant that hands out what was decoded while nobody asked."""
    camera.open()
    frame_within(camera, 5.0)
    time.sleep(1.5)
    asked_ns = time.monotonic_ns()
    assert frame_within(camera, 5.0).mono_ns > asked_ns - 100_000_000


def test_killed_camera_is_absent_and_its_return_is_noticed(
    server: RtspServer, camera: RtspCamera
) -> None:
    watch = CameraWatch(WatchLimits())
    camera.open()
    watch.opened(0.0)
    frame = frame_within(camera, 5.0)
    verdict = watch.saw(0.1, float(frame.rgb.mean()), 1)
    assert verdict is not None
    assert verdict.condition == "ok"
    server.kill()
    with pytest.raises(CameraAbsentError):
        read_for(camera, 8.0)
    camera.close()
    with pytest.raises(CameraAbsentError, match="does not answer") as caught:
        camera.open()
    assert caught.value.hint
    server.start()
    eventually(camera.open, 8.0)
    frame_within(camera, 5.0)


def test_wrong_path_is_told_from_an_absent_camera(server: RtspServer) -> None:
    camera = RtspCamera(Settings(source=server.url.replace("/door", "/garden")))
    with pytest.raises(CameraAbsentError, match="no picture") as caught:
        camera.open()
    assert "password" in caught.value.hint
    camera.close()


def test_password_is_never_shown() -> None:
    address = "rtsp://anna:s3cret@door.lan:8554/live?token=t0ken"
    assert shown(address) == "rtsp://door.lan:8554/live"
    camera = RtspCamera(Settings(source="rtsp://anna:s3cret@127.0.0.1:1/door"))
    with pytest.raises(CameraAbsentError) as caught:
        camera.open()
    assert "s3cret" not in str(caught.value) + caught.value.hint


def test_address_comes_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "address"
    file.write_text("rtsp://anna:s3cret@door.lan/live\n", encoding="utf-8")
    settings = Settings(source="rtsp://placeholder/", url_file=str(file))
    assert read_address(settings) == "rtsp://anna:s3cret@door.lan/live"


@pytest.mark.parametrize("content", [b"", b"http://door.lan/", b"\xff\xfe"])
def test_file_without_address_says_so(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "address"
    file.write_bytes(content)
    settings = Settings(source="rtsp://placeholder/", url_file=str(file))
    with pytest.raises(CameraAbsentError) as caught:
        read_address(settings)
    assert "url_file" in caught.value.hint
