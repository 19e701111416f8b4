"""How picamera2 is treated: every lent request is given back, whatever happens.

The device here is written down after picamera2's own sources (`Picamera2`,
`CompletedRequest`, `Job`); the real one is asked the contract in `tests/device`.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from config.door import Camera as Settings
from doorbell.adapters import camera_picamera2
from doorbell.adapters.camera_picamera2 import Picamera2Camera
from doorbell.core.errors import BadInputError, UnavailableError
from doorbell.ports.camera import CameraAbsentError, CameraBusyError

SETTINGS = Settings(source="picamera2", width=64, height=48, rate_fps=5)
STRIDE = 128


class ColorSpace:
    name = "Rec709"

    @classmethod
    def Smpte170m(cls) -> ColorSpace:  # noqa: N802 - libcamera's name
        found = cls()
        found.name = "Smpte170m"
        return found


@dataclass
class Request:
    device: Device
    released: int = 0

    def make_buffer(self, name: str) -> Any:  # noqa: ANN401 - as picamera2
        assert not self.released, "a released request was read"
        stream = self.device.configuration[name]
        _, height = stream["size"]
        size = stream["stride"] * height * 3 // 2
        buffer = np.full(size + 32, 128, np.uint8)
        buffer[: stream["stride"] * height] = 235
        return buffer[: size // 2] if self.device.is_short else buffer

    def get_metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": self.device.sensor_ns}

    def release(self) -> None:
        self.released += 1


@dataclass
class Job:
    device: Device

    def get_result(self, timeout: float) -> Request:
        assert timeout < 1, "the loop would stand still"
        if self.device.is_stalled:
            raise TimeoutError
        request = Request(self.device)
        self.device.requests.append(request)
        return request


@dataclass
class Device:
    """Behaves as Picamera2 does, as far as the adapter asks."""

    accepts: frozenset[str] = frozenset({"YUV420"})
    lores: bool = True
    gives_look: dict[str, Any] | None = None
    gives: tuple[str, tuple[int, int]] | None = None
    is_stalled: bool = False
    is_short: bool = False
    sensor_ns: int = 0
    closes: threading.Event | None = None
    closing_fails: bool = False
    configuration: dict[str, Any] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    jobs: int = 0
    calls: list[str] = field(default_factory=list)
    camera_properties = {"Model": "imx708"}  # noqa: RUF012 - as picamera2
    camera_controls = {"FrameDurationLimits": (1, 2, 3)}  # noqa: RUF012 - as picamera2

    def create_video_configuration(self, **wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - as picamera2
        return {"colour_space": ColorSpace(), **wanted}

    def configure(self, configuration: dict[str, Any]) -> None:
        assert configuration["colour_space"].name == "Smpte170m"
        main = configuration["main"]
        if main["format"] not in self.accepts:
            msg = f"Invalid camera configuration: {main['format']}"
            raise RuntimeError(msg)
        if configuration["lores"] and not self.lores:
            msg = "no lores"
            raise RuntimeError(msg)
        self.configuration = dict(configuration)
        form, size = self.gives or (main["format"], main["size"])
        self.configuration["main"] = {"format": form, "size": size, "stride": STRIDE}
        if configuration["lores"]:
            lores = {**configuration["lores"], "stride": 192}
            lores = self.gives_look or lores
            self.configuration["lores"] = lores

    def camera_configuration(self) -> dict[str, Any]:
        return self.configuration

    def start(self) -> None:
        self.calls.append("start")

    def capture_request(self, *, wait: bool) -> Job:
        assert not wait
        self.jobs += 1
        return Job(self)

    def cancel_all_and_flush(self) -> None:
        self.calls.append("cancel")

    def close(self) -> None:
        self.calls.append("close")
        if self.closing_fails:
            msg = "Unable to stop preview."
            raise RuntimeError(msg)
        if self.closes is not None:
            self.closes.wait(5)


def opened(device: Device, settings: Settings = SETTINGS) -> Picamera2Camera:
    camera = Picamera2Camera(settings, device=lambda _: device)
    camera.open()
    return camera


def test_frame_is_converted_and_its_request_given_back() -> None:
    device = Device()
    camera = opened(device)
    frame = camera.read(0.1)
    assert frame is not None
    assert frame.rgb.shape == (48, 64, 3)
    assert (frame.rgb == 255).all()
    assert frame.look is not None
    assert frame.look.shape == (120, 160)
    assert (frame.look == 255).all()
    assert [request.released for request in device.requests] == [1]


def test_request_is_given_back_when_its_buffer_is_bad() -> None:
    device = Device(is_short=True)
    camera = opened(device)
    with pytest.raises(BadInputError):
        camera.read(0.1)
    assert [request.released for request in device.requests] == [1]


def test_stalled_sensor_is_asked_only_once() -> None:
    device = Device(is_stalled=True)
    camera = opened(device)
    assert [camera.read(0.01) for _ in range(5)] == [None] * 5
    assert device.jobs == 1
    device.is_stalled = False
    assert camera.read(0.01) is not None
    assert camera.read(0.01) is not None
    assert device.jobs == 2


def test_camera_without_lores_is_used_without() -> None:
    frame = opened(Device(lores=False)).read(0.1)
    assert frame is not None
    assert frame.look is None


@pytest.mark.parametrize(
    "look",
    [
        {"size": (640, 480), "format": "NV12", "stride": 640},
        {"size": (160, 120), "format": "RGB888", "stride": 512},
    ],
)
def test_small_copy_that_the_device_made_something_else_of_is_done_without(
    look: dict[str, Any],
) -> None:
    # libcamera's virtual camera answers a wish for 160x120 with two full pictures.
    camera = opened(device := Device(gives_look=look))
    frame = camera.read(0.1)
    assert frame is not None
    assert frame.look is None
    assert not device.configuration["lores"]


def test_format_that_the_device_made_of_it_counts() -> None:
    device = Device(accepts=frozenset({"RGB888"}), gives=("NV12", (64, 32)))
    frame = opened(device).read(0.1)
    assert frame is not None
    assert frame.rgb.shape == (32, 64, 3)
    assert (frame.rgb == 255).all()


def test_larger_sensor_picture_is_made_to_fit() -> None:
    device = Device(accepts=frozenset({"NV12"}), gives=("NV12", (128, 96)))
    frame = opened(device).read(0.1)
    assert frame is not None
    assert frame.rgb.shape == (48, 64, 3)


def test_sensor_runs_no_faster_than_it_is_looked_at() -> None:
    device = Device()
    opened(device)
    limits = device.configuration["controls"]["FrameDurationLimits"]
    assert limits == (200_000, 200_000)


def test_mask_and_rotation_reach_picture_and_look() -> None:
    half = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]
    settings = Settings(
        source="picamera2", width=64, height=48, rotate=90, masks=[half]
    )
    frame = opened(Device(), settings).read(0.1)
    assert frame is not None
    assert frame.look is not None
    assert frame.rgb.shape == (64, 48, 3)
    assert not frame.rgb[:, :24].any()
    assert frame.look.shape == (160, 120)
    assert not frame.look[:, :60].any()


@pytest.mark.parametrize("offset_ns", [0, 10**15, -(10**10)])
def test_time_of_the_sensor_is_used_only_if_it_can_be_true(offset_ns: int) -> None:
    device = Device()
    camera = opened(device)
    device.sensor_ns = time.monotonic_ns() - 1_000_000 + offset_ns
    frame = camera.read(0.1)
    assert frame is not None
    if offset_ns:
        assert abs(frame.mono_ns - time.monotonic_ns()) < 1_000_000_000
    else:
        assert frame.mono_ns == device.sensor_ns


def test_close_cancels_what_is_pending_first() -> None:
    device = Device(is_stalled=True)
    camera = opened(device)
    camera.read(0.01)
    camera.close()
    camera.close()
    assert device.calls == ["start", "cancel", "close"]


def test_camera_that_hangs_at_close_costs_only_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera_picamera2, "CLOSE_TIMEOUT_S", 0.1)
    device = Device(closes=threading.Event())
    camera = opened(device)
    began_s = time.monotonic()
    camera.close()
    assert time.monotonic() - began_s < 2
    with pytest.raises(UnavailableError, match="must end"):
        camera.open()
    assert device.closes is not None
    device.closes.set()


def test_camera_that_cannot_be_closed_needs_a_new_process() -> None:
    device = Device(closing_fails=True)
    camera = opened(device)
    camera.close()
    with pytest.raises(UnavailableError, match="must end"):
        camera.open()


def failing(error: Exception) -> Picamera2Camera:
    def make(_: int) -> Device:
        raise error

    return Picamera2Camera(SETTINGS, device=make)


def test_camera_of_another_process_is_busy() -> None:
    with pytest.raises(CameraBusyError) as caught:
        failing(RuntimeError("Camera __init__ sequence did not complete.")).open()
    assert caught.value.hint


@pytest.mark.parametrize("seen", [0, 1])
def test_missing_camera_is_absent(monkeypatch: pytest.MonkeyPatch, seen: int) -> None:
    class Picamera2:
        @staticmethod
        def global_camera_info() -> list[dict[str, Any]]:
            return [{}] * seen

        def __init__(self, number: int) -> None:
            # As since 0.3.34; an IndexError before.
            msg = f"No camera number {number} found"
            raise RuntimeError(msg)

    module = SimpleNamespace(Picamera2=Picamera2)
    monkeypatch.setitem(sys.modules, "picamera2", module)
    with pytest.raises(CameraAbsentError, match="sees no camera") as caught:
        Picamera2Camera(SETTINGS, number=1).open()
    assert "rpicam-hello" in caught.value.hint


def test_device_that_accepts_no_format_is_let_go() -> None:
    device = Device(accepts=frozenset())
    with pytest.raises(CameraBusyError, match="Invalid camera configuration"):
        opened(device)
    assert device.calls == ["cancel", "close"]


def test_missing_picamera2_is_told_with_the_command_that_installs_it() -> None:
    pytest.importorskip("cv2")
    try:
        import picamera2  # noqa: F401, PLC0415 - only to know whether it is there
    except ImportError:
        with pytest.raises(CameraAbsentError) as caught:
            Picamera2Camera(SETTINGS).open()
        assert "apt install python3-picamera2" in caught.value.hint
    else:
        pytest.skip("picamera2 is installed here")
