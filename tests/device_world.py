"""The hardware of the test machine of `tests/device`: what a finger and a visitor do.

That machine is a virtual one whose kernel simulates a GPIO chip (gpio-sim), a camera
that shows what is written to it (v4l2loopback) and a webcam (vivid). Nothing here is a
fake of ours: the adapters meet the interfaces of the kernel.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

LOOPBACK = "/dev/video40"
WEBCAM = "/dev/video50"
# Where lgpio puts its pipes in tests.
LINE_FOLDER = Path("/run/doorbell-lines")

# Written by prepare.sh: the folder of the chip's lines in /sys.
_LINES = Path("/run/gpio-lines")
_WEBCAM_DRIVER = Path("/sys/bus/platform/drivers/vivid")
_WEBCAM_DEVICE = "vivid.0"

# linux/videodev2.h: VIDIOC_S_FMT of a single-planar output.
_VIDIOC_S_FMT = 0xC0D05605
_OUTPUT = 2
_FIELD_NONE = 1
_SRGB = 8
_FORMAT = struct.Struct("=I4xIIIIIII168x")
_END_S = 5.0


def why_no_device(environ: Mapping[str, str] = os.environ) -> str:
    """Return why the device's tests cannot run here; empty if they can."""
    if environ.get("DEVICE_TESTS"):
        return ""
    return "needs the device VM: make test-device"


class SimulatedLine:
    """One line of the simulated chip, seen from outside: the wire."""

    def __init__(self, pin: int) -> None:
        self._pin = pin
        self._folder = Path(_LINES.read_text().strip()) / f"sim_gpio{pin}"

    def drive(self, *, high: bool) -> None:
        """Pull the wire up or down."""
        (self._folder / "pull").write_text("pull-up" if high else "pull-down")

    def is_held(self) -> bool:
        """Whether any program has taken the line."""
        return "consumer" in self.state()

    def state(self) -> str:
        """What the kernel says of the line and of who holds it."""
        command = ["/usr/bin/gpioinfo", "-c", "gpiochip0", str(self._pin)]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        return done.stdout

    def is_high(self) -> bool:
        """The level on the wire, whoever drives it."""
        return (self._folder / "value").read_text().strip() == "1"


class Porch:
    """What the loopback camera sees, at a steady rate, until it is left.

    Args:
        width: pixels, even.
        height: pixels.
        rate_fps: as a webcam; frames are written from a thread.
    """

    def __init__(self, width: int, height: int, rate_fps: float = 10.0) -> None:
        self._size = (width, height)
        self._period_s = 1 / rate_fps
        self._frame = _yuyv(np.full((height, width, 3), 110, np.uint8))
        self._going = threading.Event()
        self._going.set()
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="porch", daemon=True)
        self._fd = -1

    def show(self, rgb: Picture) -> None:
        """From now on this is to be seen; of the porch's size."""
        self._frame = _yuyv(rgb)

    def pause(self) -> None:
        """Let the camera stand still: it is there, and no frame comes."""
        self._going.clear()

    def resume(self) -> None:
        """Let it run again."""
        self._going.set()

    def __enter__(self) -> Self:
        self._fd = os.open(LOOPBACK, os.O_RDWR | os.O_CLOEXEC)
        width, height = self._size
        code = int.from_bytes(b"YUYV", "little")
        row = width * 2
        wanted = _FORMAT.pack(
            _OUTPUT, width, height, code, _FIELD_NONE, row, row * height, _SRGB
        )
        fcntl.ioctl(self._fd, _VIDIOC_S_FMT, bytearray(wanted))
        os.write(self._fd, self._frame)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join(_END_S)
        os.close(self._fd)

    def _feed(self) -> None:
        while not self._left.wait(self._period_s):
            if self._going.is_set():
                os.write(self._fd, self._frame)


def unplug_webcam() -> None:
    """Take the webcam away, whoever reads from it."""
    (_WEBCAM_DRIVER / "unbind").write_text(_WEBCAM_DEVICE)


def plug_webcam() -> None:
    """Bring the webcam back, under the name it had."""
    if not (_WEBCAM_DRIVER / _WEBCAM_DEVICE).exists():
        (_WEBCAM_DRIVER / "bind").write_text(_WEBCAM_DEVICE)


def virtual_camera(number: int) -> Any:  # noqa: ANN401 - picamera2 ships no types
    """Make the Picamera2 object of libcamera's virtual camera.

    What that camera lacks of a Pi's: raw frames, which picamera2 asks for to learn the
    sensor's modes, and memory of the dma-buf kind. And Debian has no Python bindings of
    kms++, which only picamera2's preview window uses.
    """
    _provide_bindings()
    from picamera2.allocators import LibcameraAllocator  # noqa: PLC0415 - VM only

    from doorbell.adapters.camera_picamera2 import open_device  # noqa: PLC0415 - VM only

    device = open_device(number)
    device.allocator = LibcameraAllocator(device.camera)
    return device


def _provide_bindings() -> None:
    import sys  # noqa: PLC0415 - VM only
    from types import SimpleNamespace  # noqa: PLC0415 - VM only

    import libcamera  # noqa: PLC0415 - VM only

    if "pykms" in sys.modules:
        return
    sys.modules["pykms"] = SimpleNamespace(PixelFormat=_AnyFormat)  # type: ignore[assignment]
    generate, role = libcamera.Camera.generate_configuration, libcamera.StreamRole

    def without_raw(camera: Any, roles: Any) -> Any:  # noqa: ANN401 - of libcamera
        wanted = [role.Viewfinder if one == role.Raw else one for one in roles]
        return generate(camera, wanted)

    libcamera.Camera.generate_configuration = without_raw


class _AnyName(type):
    def __getattr__(cls, name: str) -> str:
        return name


class _AnyFormat(metaclass=_AnyName):
    """In place of kms++'s list of pixel formats."""


def _yuyv(rgb: Picture) -> bytes:
    """Convert as webcams do: BT.601 in limited range, chroma halved in width."""
    full = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    height, width = rgb.shape[:2]
    quarter = (height // 2, width // 2)
    packed = np.empty((height, width, 2), np.uint8)
    packed[:, :, 0] = full[:height]
    flat = full[height:].reshape(-1)
    half = flat.size // 2
    for offset, plane in enumerate((flat[:half], flat[half:])):
        packed[:, offset::2, 1] = np.repeat(plane.reshape(quarter), 2, axis=0)
    return packed.tobytes()
