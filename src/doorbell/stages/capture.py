"""The work of the capture process: camera in, frames in lent slots out.

Frames flow all the time, pressed or not: the pre-roll is what the hub keeps of them.
Without a lent slot a frame is simply not copied; a camera that fails is reported,
closed, and tried again, while pictures already taken can still be had.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from typing import TYPE_CHECKING

from doorbell.core.camera import CameraWatch, Reopening, Verdict, WatchLimits
from doorbell.core.errors import (
    DoorbellError,
    HardwareAbsentError,
    UnavailableError,
)
from doorbell.ports.camera import CameraBusyError
from doorbell.stages.errand import Errand
from doorbell.stages.look import Eye
from doorbell.stages.messages import (
    CameraState,
    EncodePicture,
    FrameRef,
    FrameTaken,
    LendSlot,
    PictureEncoded,
)
from doorbell.stages.tidiness import Tidiness, nothing
from monitoring.tracing.spans import operation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from config.door import Camera as CameraSettings
    from doorbell.ports.camera import Camera, Frame
    from doorbell.ports.clock import Clock
    from doorbell.ports.ring import FrameRing
    from doorbell.ports.stage import Outlet
    from doorbell.stages.look import Glance

log = logging.getLogger("doorbell.capture")

# Longest a camera may block the loop while it has no frame yet; what is asked for
# meanwhile waits as long.
READ_S = 0.05
# A camera of exactly our rate runs at its own phase; we follow it this far behind.
PHASE_S = 0.04
# Adapters bound their `open` and `close` at 10 s and 5 s; beyond this they hang.
ERRAND_WITHIN_S = 20.0
# How often it is looked whether the camera has opened or closed.
ERRAND_LOOK_S = 0.05
CLOSE_S = 3.0
IDLE_S = 1.0

_OFF = Verdict(
    "off", "there is no camera", 'Set `[camera] source`, or leave it "none".'
)


class CaptureStage:
    """Implements `ports.stage.Stage` for the role `capture`."""

    def __init__(  # noqa: PLR0913 - the stage's world, put together once by wiring
        self,
        settings: CameraSettings,
        ring: FrameRing,
        camera: Camera | None,
        clock: Clock,
        *,
        encode: Callable[[NDArray[np.uint8]], bytes],
        seal: Callable[[bytes], int],
        tidy: Callable[[], None] = nothing,
    ) -> None:
        """Remember its world; the camera is opened once a slot was lent.

        Args:
            settings: `[camera]`.
            ring: where frames go.
            camera: None with `source = "none"`.
            clock: only its monotonic half is used.
            encode: RGB frame to JPEG.
            seal: bytes to a descriptor that can be sent.
            tidy: gives back memory that a picture for people, or opening the camera,
                used.
        """
        self._period_s = 1 / settings.rate_fps
        self._ring = ring
        self._camera = camera
        self._clock = clock
        self._encode = encode
        self._seal = seal
        self._tidiness = Tidiness(tidy)
        self._loans: deque[LendSlot] = deque()
        limits = WatchLimits(stale_s=settings.stale_s, frozen_s=settings.frozen_s)
        self._watch = CameraWatch(limits)
        self._reopening = Reopening()
        self._eye = Eye()
        self._errand: Errand | None = None
        # A standby is lent nothing: the camera is the other slot's.
        self._is_wanted = False
        self._is_open = False
        self._due_s = 0.0
        self._outlet: Outlet | None = None

    def start(self, outlet: Outlet) -> str:
        """Say how it begins; a missing camera is a state, not a failed start."""
        self._outlet = outlet
        if self._camera is None:
            self._report(self._watch.failed(_OFF))
            return "no camera"
        return "camera opens next"

    def handle(self, message: object, fds: Sequence[int]) -> None:
        """Take a loan or encode a picture."""
        for fd in fds:
            os.close(fd)
        match message:
            case LendSlot():
                self._is_wanted = True
                self._loans.append(message)
            case EncodePicture():
                self._answer(message)
                self._tidiness.used()
            case _:
                log.warning("message_ignored", extra={"kind": type(message).__name__})

    def turn(self, now_s: float) -> float:
        """Open the camera or take a frame, if it is time for that.

        Raises:
            UnavailableError: the device hangs; only a new process gets rid of it.
        """
        if self._camera is None or not self._is_wanted:
            return IDLE_S
        if self._errand is not None:
            return self._attend(self._errand, now_s)
        if not self._is_open:
            return self._try_again(self._camera, now_s)
        if now_s < self._due_s:
            self._tidiness.turn(now_s)
            return self._due_s - now_s
        try:
            frame = self._camera.read(READ_S)
        except HardwareAbsentError as error:
            self._lose(self._camera, self._watch.failed(_as_verdict(error)))
            return 0.0
        self._consider(self._camera, frame)
        return max(self._due_s - self._now_s(), 0.0)

    def descriptors(self) -> Sequence[int]:
        """None: frames are asked for, not announced."""
        return ()

    def close(self) -> None:
        """Release the camera, within a bounded time."""
        if self._errand is not None:
            self._errand.join(CLOSE_S)
        if self._camera is not None:
            self._camera.close()

    def _try_again(self, camera: Camera, now_s: float) -> float:
        if now_s < self._reopening.due_s:
            return self._reopening.due_s - now_s
        self._errand = Errand(camera.open, now_s)
        return ERRAND_LOOK_S

    def _attend(self, errand: Errand, now_s: float) -> float:
        """See whether the camera has opened, or closed, by now."""
        if not errand.is_done():
            if now_s - errand.since_s > ERRAND_WITHIN_S:
                msg = "the camera hangs while it is opened or closed"
                raise UnavailableError(msg)
            return ERRAND_LOOK_S
        self._errand = None
        try:
            name = errand.result()
        except HardwareAbsentError as error:
            self._reopening.failed(now_s)
            self._report(self._watch.failed(_as_verdict(error)))
            return 0.0
        if name:
            self._begin(name, now_s)
        return 0.0

    def _begin(self, name: str, now_s: float) -> None:
        self._is_open = True
        self._due_s = now_s
        self._reopening.opened(now_s)
        self._watch.opened(now_s)
        self._eye.forget()
        self._tidiness.used()
        log.info("camera_opened", extra={"camera": name})

    def _consider(self, camera: Camera, frame: Frame | None) -> None:
        now_s = self._now_s()
        if frame is None:
            verdict = self._watch.nothing_came(now_s)
            if self._watch.is_stale(now_s):
                self._lose(camera, verdict)
            return
        self._due_s = max(
            self._due_s + self._period_s, now_s + self._period_s - PHASE_S
        )
        glance = self._eye.look(frame)
        self._hand_over(frame, glance)
        self._report(self._watch.saw(now_s, glance.brightness, glance.fingerprint))

    def _lose(self, camera: Camera, verdict: Verdict | None) -> None:
        """Close the camera after a fault and plan the next attempt."""
        now_s = self._now_s()
        self._is_open = False
        self._reopening.failed(now_s)
        self._report(verdict)

        def close() -> str:
            camera.close()
            return ""

        self._errand = Errand(close, now_s)

    def _hand_over(self, frame: Frame, glance: Glance) -> None:
        if not self._loans:
            return
        loan = self._loans.popleft()
        self._ring.fill(loan.slot, loan.generation, frame.rgb)
        height, width = frame.rgb.shape[:2]
        taken = FrameRef(
            slot=loan.slot,
            generation=loan.generation,
            width=width,
            height=height,
            mono_ns=frame.mono_ns,
            sharpness=glance.sharpness,
            brightness=glance.brightness,
            motion=glance.motion,
        )
        self._tell().send(FrameTaken(frame=taken))

    def _answer(self, wanted: EncodePicture) -> None:
        frame = wanted.frame
        try:
            rgb = self._ring.view(
                frame.slot, frame.generation, frame.width, frame.height
            )
            with operation("picture.encode", width=frame.width, height=frame.height):
                fd = self._seal(self._encode(rgb))
        except DoorbellError as error:
            answer = PictureEncoded(request=wanted.request, error=str(error))
            self._tell().send(answer)
            return
        try:
            self._tell().send(PictureEncoded(request=wanted.request), (fd,))
        finally:
            os.close(fd)

    def _report(self, verdict: Verdict | None) -> None:
        if verdict is None:
            return
        log.info("camera_changed", extra={"condition": verdict.condition})
        state = CameraState(
            condition=verdict.condition, detail=verdict.detail, hint=verdict.hint
        )
        self._tell().send(state)

    def _tell(self) -> Outlet:
        if self._outlet is None:
            msg = "the stage was not started"
            raise RuntimeError(msg)
        return self._outlet

    def _now_s(self) -> float:
        return self._clock.mono_ns() / 1_000_000_000


def _as_verdict(error: HardwareAbsentError) -> Verdict:
    if isinstance(error, CameraBusyError):
        return Verdict("busy", str(error), error.hint)
    return Verdict("absent", str(error), error.hint)
