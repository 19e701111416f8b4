"""Read an OpenCV capture on a thread of its own, so that only the newest frame counts.

OpenCV's calls may block for seconds when a device hangs, and an rtsp stream that is
read slowly lags ever further behind. The thread grabs at the source's own rate and
converts only frames that somebody waits for.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from doorbell.adapters.orientation import Upright
from doorbell.adapters.pixels import fit_within
from doorbell.ports.camera import CameraAbsentError, CameraBusyError, Frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from cv2.typing import MatLike

    from config.door import Camera

# A grab that fails does not wait; a device that is gone fails every time.
_FAILURES_UNTIL_GONE = 3
_JOIN_S = 2.0


class Source(Protocol):
    """The part of `cv2.VideoCapture` that is used here."""

    def grab(self) -> bool:
        """Wait for the next frame and keep it undecoded."""
        ...

    def retrieve(self) -> tuple[bool, MatLike]:
        """Decode the frame kept by `grab`: blue first."""
        ...

    def release(self) -> None:
        """Close the device."""
        ...


class NewestFrame:
    """The newest frame of one source; the source belongs to the thread.

    The thread ends by itself when the source fails; one that hangs in a call of
    OpenCV is left behind as a daemon and named by `is_stuck`.
    """

    def __init__(self, connect: Callable[[], Source], name: str, hint: str) -> None:
        """Start connecting at once.

        Args:
            connect: opens the source; runs on the thread, may raise
                HardwareAbsentError.
            name: of the device, for messages; without secrets.
            hint: what helps when it ends or does not answer.
        """
        self._connect = connect
        self._name = name
        self._hint = hint
        self._changed = threading.Condition()
        self._is_open = False
        self._is_wanted = False
        self._frame: Frame | None = None
        self._failure: Exception | None = None
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def is_stuck(self) -> bool:
        """Whether the thread still holds the device after `close`."""
        return self._is_closing and self._thread.is_alive()

    def wait_open(self, timeout_s: float) -> None:
        """Wait until the source is connected.

        Raises:
            CameraAbsentError, CameraBusyError: it failed, or nothing answered.
        """
        with self._changed:
            self._changed.wait_for(self._is_settled, timeout_s)
            if self._failure is not None:
                raise self._failure
            if not self._is_open:
                msg = f"{self._name} did not answer within {timeout_s:.0f} s"
                raise CameraAbsentError(msg, hint=self._hint)

    def read(self, timeout_s: float) -> Frame | None:
        """Return a frame (red first) grabbed since the last call, None if none came.

        Raises:
            CameraAbsentError: the source ended, and it will not come back by itself.
        """
        with self._changed:
            self._is_wanted = True
            self._changed.wait_for(self._has_news, timeout_s)
            if self._frame is None and self._failure is not None:
                raise self._failure
            frame, self._frame = self._frame, None
            return frame

    def close(self) -> None:
        """Let the thread release the source; waits for it only a short while."""
        with self._changed:
            self._is_closing = True
            self._frame = None
        self._thread.join(_JOIN_S)

    def _is_settled(self) -> bool:
        return self._is_open or self._failure is not None

    def _has_news(self) -> bool:
        return self._frame is not None or self._failure is not None

    def _run(self) -> None:
        try:
            source = self._connect()
        except (CameraAbsentError, CameraBusyError) as error:
            self._end(error)
            return
        try:
            with self._changed:
                self._is_open = True
                self._changed.notify_all()
            self._pump(source)
        finally:
            source.release()
            msg = f"{self._name} delivers no more frames"
            self._end(CameraAbsentError(msg, hint=self._hint))

    def _pump(self, source: Source) -> None:
        failures = 0
        while not self._is_closing and failures < _FAILURES_UNTIL_GONE:
            if not source.grab():
                failures += 1
                continue
            failures = 0
            mono_ns = time.monotonic_ns()
            if self._is_wanted:
                self._publish(source, mono_ns)

    def _publish(self, source: Source, mono_ns: int) -> None:
        done, bgr = source.retrieve()
        if not done:
            return
        rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
        with self._changed:
            self._frame = Frame(rgb=rgb, mono_ns=mono_ns)
            self._is_wanted = False
            self._changed.notify_all()

    def _end(self, error: Exception) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()


class UprightStream:
    """What `V4l2Camera` and `RtspCamera` share: a source read by `NewestFrame`."""

    def __init__(self, settings: Camera, hint: str) -> None:
        self._settings = settings
        self._hint = hint
        self._upright = Upright(settings)
        self._newest: NewestFrame | None = None

    def open(self, connect: Callable[[], Source], name: str, timeout_s: float) -> None:
        """Connect, as `NewestFrame`; `close` must have been called since the last.

        Raises:
            CameraBusyError: an earlier attempt hangs in OpenCV and holds the device.
            CameraAbsentError: it failed, or nothing answered in time.
        """
        self.require_free(name)
        self._newest = NewestFrame(connect, name, self._hint)
        try:
            self._newest.wait_open(timeout_s)
        except (CameraAbsentError, CameraBusyError):
            self.close()
            raise

    def require_free(self, name: str) -> None:
        """Raise CameraBusyError if we hold the device ourselves, hanging in OpenCV."""
        if self._newest is not None:
            msg = f"an earlier attempt to open {name} hangs"
            raise CameraBusyError(msg, hint=self._hint)

    def read(self, timeout_s: float) -> Frame | None:
        """Return a frame, upright, masked, and no larger than the settings say."""
        if self._newest is None:
            msg = "the camera is not open"
            raise CameraAbsentError(msg)
        frame = self._newest.read(timeout_s)
        if frame is None:
            return None
        small = fit_within(frame.rgb, self._settings.width, self._settings.height)
        return Frame(self._upright.finished(small), frame.mono_ns)

    def close(self) -> None:
        """Release the device; one that hangs stays ours until it wakes."""
        if self._newest is None:
            return
        self._newest.close()
        if not self._newest.is_stuck():
            self._newest = None
