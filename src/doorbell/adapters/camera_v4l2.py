"""A camera under /dev/video*, as USB cameras are, through OpenCV.

OpenCV does not say why it could not open a device, so the kernel is asked first.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from typing import TYPE_CHECKING

import cv2

from doorbell.adapters.newest import UprightStream
from doorbell.ports.camera import CameraAbsentError, CameraBusyError

if TYPE_CHECKING:
    from config.door import Camera
    from doorbell.adapters.newest import Source
    from doorbell.ports.camera import Frame

OPEN_TIMEOUT_S = 10.0
PREFIX = "v4l2:"

# linux/videodev2.h
_VIDIOC_QUERYCAP = 0x80685600
_VIDIOC_REQBUFS = 0xC0145608
_CAP_DEVICE_CAPS = 0x80000000
_CAP_VIDEO_CAPTURE = 0x00000001
_BUF_TYPE_VIDEO_CAPTURE = 1
_MEMORY_MMAP = 1
_CAPABILITY = struct.Struct("16s32s32sIII12x")
_REQUEST_BUFFERS = struct.Struct("=IIIII")

_ABSENT_HINT = "Is it plugged in? `v4l2-ctl --list-devices` lists what the kernel sees."
_PERMISSION_HINT = "Add the daemon's user to the group `video` and start it again."
_NO_CAPTURE_HINT = "One camera has several nodes; try the one before, /dev/video0."


def card_name(path: str) -> str:
    """Ask the kernel what the device is, and whether somebody streams from it.

    Returns:
        The card's own name.

    Raises:
        CameraAbsentError: no such device, no permission, or it delivers no video.
        CameraBusyError: another program streams from it.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _refusal(path, error) from error
    try:
        return _interview(fd, path)
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        os.close(fd)


def _interview(fd: int, path: str) -> str:
    answer = bytearray(_CAPABILITY.size)
    fcntl.ioctl(fd, _VIDIOC_QUERYCAP, answer)
    _, card, _, _, everything, own = _CAPABILITY.unpack(answer)
    capabilities = own if everything & _CAP_DEVICE_CAPS else everything
    if not capabilities & _CAP_VIDEO_CAPTURE:
        msg = f"{path} delivers no video"
        raise CameraAbsentError(msg, hint=_NO_CAPTURE_HINT)
    # Asking for no buffers changes nothing, but only the one who streams may.
    nothing = _REQUEST_BUFFERS.pack(0, _BUF_TYPE_VIDEO_CAPTURE, _MEMORY_MMAP, 0, 0)
    fcntl.ioctl(fd, _VIDIOC_REQBUFS, bytearray(nothing))
    return str(card.split(b"\0", 1)[0].decode("utf-8", "replace"))


def _refusal(path: str, error: OSError) -> OSError:
    if isinstance(error, CameraAbsentError):
        return error
    if error.errno == errno.EBUSY:
        return CameraBusyError(f"{path} is used by another program")
    if error.errno in (errno.EACCES, errno.EPERM):
        return CameraAbsentError(f"{path} may not be opened", hint=_PERMISSION_HINT)
    if error.errno == errno.ENOTTY:
        return CameraAbsentError(f"{path} is no camera", hint=_ABSENT_HINT)
    reason = os.strerror(error.errno or 0)
    return CameraAbsentError(f"{path}: {reason}", hint=_ABSENT_HINT)


class V4l2Camera:
    """A camera of the kernel's video interface."""

    def __init__(self, settings: Camera) -> None:
        self._settings = settings
        self._path = settings.source.removeprefix(PREFIX)
        self._stream = UprightStream(settings, _ABSENT_HINT)

    def open(self) -> str:
        """Take the device; waits up to `OPEN_TIMEOUT_S`."""
        self.close()
        # The kernel would say that somebody streams, and that would be ourselves.
        self._stream.require_free(self._path)
        card = card_name(self._path)
        self._stream.open(self._connect, self._path, OPEN_TIMEOUT_S)
        return f"{card} at {self._path}"

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest frame."""
        return self._stream.read(timeout_s)

    def close(self) -> None:
        """Release the device."""
        self._stream.close()

    def _connect(self) -> Source:
        capture = cv2.VideoCapture(self._path, cv2.CAP_V4L2)
        if not capture.isOpened():
            capture.release()
            msg = f"{self._path} cannot be opened by OpenCV"
            raise CameraAbsentError(msg, hint=_ABSENT_HINT)
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._settings.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._settings.height)
        # Whatever the driver makes of it: fewer frames are less work on the bus.
        capture.set(cv2.CAP_PROP_FPS, self._settings.rate_fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture
