"""A network camera over rtsp, through OpenCV's FFmpeg."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import cv2

from doorbell.adapters.newest import UprightStream
from doorbell.ports.camera import CameraAbsentError

if TYPE_CHECKING:
    from config.door import Camera
    from doorbell.adapters.newest import Source
    from doorbell.ports.camera import Frame

OPEN_TIMEOUT_S = 8.0
# Shorter than `[camera] stale_s` by default, so that the cause is told first.
READ_TIMEOUT_S = 4.0
_MS = 1000
_PORTS = {"rtsp": 554, "rtsps": 322}
# FFmpeg's names. TCP, since a lost UDP packet smears a face over half the picture; no
# buffering, since an old frame is worth nothing here; half a second (in microseconds)
# to find out what the stream is, since one of video needs no more.
_FFMPEG_OPTIONS = (
    "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay|analyzeduration;500000"
)

_UNREACHABLE_HINT = "Is the camera switched on, and its address still the same?"
_STREAM_HINT = "Check the path, user name and password in the rtsp address."
_FILE_HINT = "`[camera] url_file` must name a file with one rtsp address."


def read_address(settings: Camera) -> str:
    """Return the rtsp address, from `url_file` if there is one.

    Raises:
        CameraAbsentError: the file cannot be read, or holds no rtsp address.
    """
    if not settings.url_file:
        return settings.source
    try:
        address = Path(settings.url_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{settings.url_file} cannot be read"
        raise CameraAbsentError(msg, hint=_FILE_HINT) from error
    if urlsplit(address).scheme not in _PORTS:
        msg = f"{settings.url_file} holds no rtsp address"
        raise CameraAbsentError(msg, hint=_FILE_HINT)
    return address


def shown(address: str) -> str:
    """Return an address fit for logs: without user name, password and query."""
    parts = urlsplit(address)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


class RtspCamera:
    """A network camera; its newest frame wins, old ones are thrown away."""

    def __init__(self, settings: Camera) -> None:
        self._settings = settings
        self._stream = UprightStream(settings, _UNREACHABLE_HINT)

    def open(self) -> str:
        """Connect; waits up to `OPEN_TIMEOUT_S`."""
        self.close()
        address = read_address(self._settings)
        name = shown(address)
        self._stream.open(lambda: _connect(address), name, OPEN_TIMEOUT_S)
        return name

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest frame."""
        return self._stream.read(timeout_s)

    def close(self) -> None:
        """Hang up; a call of FFmpeg that blocks ends by its own timeout."""
        self._stream.close()


def _connect(address: str) -> Source:
    _knock(address)
    # OpenCV reads this when it opens a stream; there is no argument for it.
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = _FFMPEG_OPTIONS
    capture = cv2.VideoCapture(
        address,
        cv2.CAP_FFMPEG,
        [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            int(OPEN_TIMEOUT_S * _MS),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            int(READ_TIMEOUT_S * _MS),
            # One thread: frame threads hold back as many frames as there are.
            cv2.CAP_PROP_N_THREADS,
            1,
        ],
    )
    if not capture.isOpened():
        capture.release()
        msg = f"{shown(address)} answers but delivers no picture"
        raise CameraAbsentError(msg, hint=_STREAM_HINT)
    return capture


def _knock(address: str) -> None:
    """Tell "nobody there" from "wrong password", which FFmpeg does not."""
    parts = urlsplit(address)
    where = (parts.hostname or "", parts.port or _PORTS[parts.scheme])
    try:
        socket.create_connection(where, OPEN_TIMEOUT_S / 2).close()
    except OSError as error:
        msg = f"{shown(address)} does not answer: {error.strerror or error}"
        raise CameraAbsentError(msg, hint=_UNREACHABLE_HINT) from error
