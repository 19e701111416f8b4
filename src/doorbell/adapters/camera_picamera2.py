"""A camera module on the Pi's ribbon cable, through picamera2.

`main` is the picture, `lores` a small copy that the image processor makes for free, to
look for motion and light. picamera2 and libcamera come with the operating system
(`python3-picamera2`), hence the import inside.

picamera2 lends its buffers: a CompletedRequest that is not released is missing to the
sensor, and after a few the stream stands still. A crash needs no care: libcamera's
hold on the device ends with the process.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any

from doorbell.adapters.orientation import Upright
from doorbell.adapters.pixels import fit_within, luma, to_rgb
from doorbell.core.errors import UnavailableError
from doorbell.ports.camera import CameraAbsentError, CameraBusyError, Frame

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from config.door import Camera

log = logging.getLogger("doorbell.capture")

CLOSE_TIMEOUT_S = 5.0
LOOK_WIDTH = 160
_US_PER_S = 1_000_000
_NS_PER_S = 1_000_000_000
# Buffers: one being exposed, one queued, one waiting for us, one being converted.
_BUFFERS = 4
# As the image processor of a Pi, a USB camera and libcamera's virtual camera can;
# the first that the device accepts is used, whatever it makes of it is converted.
_FORMATS = ("YUV420", "NV12", "RGB888")

_MISSING_HINT = (
    "Install it with `apt install python3-picamera2`, and make the daemon's venv "
    "with --system-site-packages."
)


def open_device(number: int) -> Any:  # noqa: ANN401 - picamera2 ships no types
    """Make the Picamera2 object of a camera.

    Raises:
        CameraAbsentError: no picamera2, or libcamera sees fewer cameras.
    """
    try:
        from picamera2 import Picamera2  # noqa: PLC0415 - only where it exists
    except ImportError as error:
        msg = f"picamera2 cannot be imported: {error}"
        raise CameraAbsentError(msg, hint=_MISSING_HINT) from error
    # Asked before: picamera2's own refusal is not told from that of a busy camera.
    if number >= len(Picamera2.global_camera_info()):
        msg = f"libcamera sees no camera number {number}"
        raise CameraAbsentError(msg)
    return Picamera2(number)


class Picamera2Camera:
    """The camera module, by number as `rpicam-hello --list-cameras` counts."""

    def __init__(
        self,
        settings: Camera,
        number: int = 0,
        device: Callable[[int], Any] = open_device,
    ) -> None:
        """Remember what to open.

        Args:
            settings: size and rate wanted; the sensor may give less.
            number: of the camera.
            device: makes the Picamera2 object; another one for a board that needs
                its own buffer allocator.
        """
        self._settings = settings
        self._number = number
        self._make = device
        self._upright = Upright(settings)
        self._device: Any = None
        self._streams: dict[str, Any] = {}
        # A request for a frame that outlives the `read` that made it.
        self._job: Any = None
        self._is_wedged = False

    def open(self) -> str:
        """Take the camera and start it.

        Raises:
            CameraAbsentError: no camera, or no picamera2.
            CameraBusyError: another process holds it.
            UnavailableError: it hung when it was closed; only a new process helps.
        """
        self.close()
        if self._is_wedged:
            msg = "libcamera did not let go of the camera; this process must end"
            raise UnavailableError(msg)
        self._device = self._acquire()
        try:
            self._streams = self._configured()
            self._device.start()
        except RuntimeError as error:
            self.close()
            msg = f"the camera cannot be started: {error}"
            raise CameraBusyError(msg) from error
        model = self._device.camera_properties.get("Model", "camera")
        main = self._streams["main"]
        width, height = main["size"]
        return f"{model}, {width}x{height} {main['format']}"

    def _acquire(self) -> Any:  # noqa: ANN401 - picamera2 ships no types
        try:
            return self._make(self._number)
        except RuntimeError as error:
            # "Failed to acquire camera" and "did not complete" both come from a
            # device that another process holds.
            msg = f"the camera cannot be taken: {error}"
            raise CameraBusyError(msg) from error

    def _configured(self) -> dict[str, Any]:
        """Configure the first combination of streams that the device accepts."""
        refusals = []
        for wanted in (("YUV420", self._look_size()), *((f, None) for f in _FORMATS)):
            try:
                streams = self._configure(*wanted)
            except RuntimeError as error:
                refusals.append(str(error))
            else:
                if _is_usable(streams.get("lores")):
                    return streams
        raise RuntimeError("; ".join(refusals))

    def _configure(
        self, pixel_format: str, look_size: tuple[int, int] | None
    ) -> dict[str, Any]:
        size = (self._settings.width, self._settings.height)
        lores = {"size": look_size, "format": "YUV420"} if look_size else None
        configuration = self._device.create_video_configuration(
            main={"size": size, "format": pixel_format},
            lores=lores,
            buffer_count=_BUFFERS,
            controls=self._controls(),
            display=None,
            encode=None,
        )
        # The matrix by which `pixels` converts: BT.601, limited range. The class is
        # taken from the value to spare an import of libcamera's own module.
        colour_space = type(configuration["colour_space"])
        configuration["colour_space"] = colour_space.Smpte170m()
        self._device.configure(configuration)
        # Names in the device's answer: libcamera may have adjusted every value.
        return dict(self._device.camera_configuration())

    def _controls(self) -> dict[str, Any]:
        if "FrameDurationLimits" not in self._device.camera_controls:
            return {}
        # No frame that nobody looks at. The exposure stays short all the same: the
        # tuning files end it at some 66 ms and raise the gain instead.
        period_us = int(_US_PER_S / self._settings.rate_fps)
        return {"FrameDurationLimits": (period_us, period_us)}

    def _look_size(self) -> tuple[int, int]:
        height = LOOK_WIDTH * self._settings.height // self._settings.width
        return LOOK_WIDTH, max(height - height % 2, 2)

    def read(self, timeout_s: float) -> Frame | None:
        """Return the next frame; a request that timed out is asked for again."""
        if self._device is None:
            msg = "the camera is not open"
            raise CameraAbsentError(msg)
        if self._job is None:
            self._job = self._device.capture_request(wait=False)
        try:
            request = self._job.get_result(timeout=timeout_s)
        except (FutureTimeoutError, TimeoutError):
            return None
        self._job = None
        try:
            return self._developed(request)
        finally:
            request.release()

    def _developed(self, request: Any) -> Frame:  # noqa: ANN401 - picamera2 ships no types
        config = self._settings
        main = self._streams["main"]
        width, height = main["size"]
        buffer = request.make_buffer("main")
        rgb = to_rgb(main["format"], buffer, width, height, main["stride"])
        upright = self._upright.finished(fit_within(rgb, config.width, config.height))
        seen_ns = request.get_metadata().get("SensorTimestamp", 0)
        return Frame(upright, _plausible_ns(seen_ns), self._look(request))

    def _look(self, request: Any) -> NDArray[np.uint8] | None:  # noqa: ANN401 - picamera2 ships no types
        lores = self._streams.get("lores")
        if not lores:
            return None
        width, height = lores["size"]
        grey = luma(request.make_buffer("lores"), width, height, lores["stride"])
        return self._upright.finished(grey)

    def close(self) -> None:
        """Stop and release the camera, within `CLOSE_TIMEOUT_S` even if it hangs."""
        device, self._device, self._job = self._device, None, None
        if device is None:
            return
        is_shut = threading.Event()
        closing = threading.Thread(target=_shut, args=(device, is_shut), daemon=True)
        closing.start()
        closing.join(CLOSE_TIMEOUT_S)
        self._is_wedged = not is_shut.is_set()


def _shut(device: Any, is_shut: threading.Event) -> None:  # noqa: ANN401 - picamera2 ships no types
    # A pending request for a frame would stand before the request to stop, for ever
    # if no frame comes. Older releases cannot cancel; there `close` gives up waiting.
    cancel = getattr(device, "cancel_all_and_flush", None)
    try:
        if cancel is not None:
            cancel()
        device.close()
    except (OSError, RuntimeError):
        log.exception("camera_not_closed")
    else:
        is_shut.set()


def _is_usable(lores: dict[str, Any] | None) -> bool:
    """Whether the small copy, if any, is small: libcamera adjusts what it cannot do."""
    if not lores:
        return True
    return lores["format"] in {"YUV420", "NV12"} and lores["size"][0] == LOOK_WIDTH


def _plausible_ns(sensor_ns: int) -> int:
    """Return the sensor's time if it is of our clock and recent, else now."""
    now_ns = time.monotonic_ns()
    return sensor_ns if now_ns - _NS_PER_S <= sensor_ns <= now_ns else now_ns
