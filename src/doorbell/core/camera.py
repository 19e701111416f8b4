"""Decide how the camera is, and when to try a failed one again.

Pure: the capture stage reports what it saw and when, and gets back a `Verdict` only
when the condition changed. Limits that are not settings are named here with their
reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Condition = Literal["ok", "absent", "busy", "black", "frozen", "off"]

# Mean grey level of a covered lens: sensors and limited-range video leave 0 to 3.
BLACK_LEVEL = 4.0
# A scene must be clearly brighter again, or dusk would toggle the condition.
CLEAR_LEVEL = 8.0
# A hand before the lens is no fault.
BLACK_AFTER_S = 10.0
# Good frames in a row before black or frozen is over.
CLEAR_FRAMES = 3
# A camera that stayed this long has earned a quick retry the next time.
STABLE_S = 30.0

_BLACK_HINT = "Is the lens covered? At night the door needs a light."
_FROZEN_HINT = "Unplug the camera and plug it in again."
_STALE_HINT = "Check the cable, the power supply and, for rtsp, the network."


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the camera is, in words for the owner."""

    condition: Condition
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """When a camera that delivers badly counts as faulty, in monotonic seconds."""

    stale_s: float = 5.0
    frozen_s: float = 60.0
    black_s: float = BLACK_AFTER_S


class CameraWatch:
    """One camera, as the capture stage sees it."""

    def __init__(self, limits: WatchLimits) -> None:
        self._limits = limits
        self._verdict: Verdict | None = None
        self._fed_s = 0.0
        self._fingerprint: int | None = None
        self._changed_s = 0.0
        self._light_s = 0.0
        self._good_frames = 0

    @property
    def condition(self) -> Condition | None:
        """The last verdict's condition; None before the first."""
        return self._verdict.condition if self._verdict else None

    def opened(self, now_s: float) -> None:
        """Begin anew with a device just opened; it is ok from its first frame."""
        self._fed_s = self._changed_s = self._light_s = now_s
        self._fingerprint = None
        self._good_frames = 0

    def saw(self, now_s: float, brightness: float, fingerprint: int) -> Verdict | None:
        """Take a frame into account.

        Args:
            now_s: monotonic seconds.
            brightness: mean grey level, 0..255.
            fingerprint: equal for two frames only if they are the same picture.

        Returns:
            The new verdict if the condition changed.
        """
        self._fed_s = now_s
        if fingerprint != self._fingerprint:
            self._fingerprint = fingerprint
            self._changed_s = now_s
        dark = self.condition == "black"
        if brightness >= (CLEAR_LEVEL if dark else BLACK_LEVEL):
            self._light_s = now_s
        return self._conclude(self._judge(now_s))

    def is_stale(self, now_s: float) -> bool:
        """Whether the open device has been silent too long to be trusted."""
        return now_s - self._fed_s >= self._limits.stale_s

    def nothing_came(self, now_s: float) -> Verdict | None:
        """Take silence into account; absent once it lasted `stale_s`."""
        if not self.is_stale(now_s):
            return None
        detail = f"no frame for {now_s - self._fed_s:.0f} s"
        return self._conclude(Verdict("absent", detail, _STALE_HINT))

    def failed(self, verdict: Verdict) -> Verdict | None:
        """Take a failure to open or to read into account, or that it is off."""
        return self._conclude(verdict)

    def _judge(self, now_s: float) -> Verdict:
        if now_s - self._light_s >= self._limits.black_s:
            return Verdict("black", "the picture is black", _BLACK_HINT)
        if now_s - self._changed_s >= self._limits.frozen_s:
            still_s = now_s - self._changed_s
            detail = f"the same picture for {still_s:.0f} s"
            return Verdict("frozen", detail, _FROZEN_HINT)
        return Verdict("ok")

    def _conclude(self, verdict: Verdict) -> Verdict | None:
        if verdict.condition == self.condition:
            self._good_frames = 0
            return None
        if verdict.condition == "ok" and self.condition in ("black", "frozen"):
            if self._is_dim_or_still():
                self._good_frames = 0
                return None
            self._good_frames += 1
            if self._good_frames < CLEAR_FRAMES:
                return None
        self._good_frames = 0
        self._verdict = verdict
        return verdict

    def _is_dim_or_still(self) -> bool:
        """Whether the newest frame lacks what ends the present fault."""
        if self.condition == "black":
            return self._light_s < self._fed_s
        return self._changed_s < self._fed_s


@dataclass(slots=True)
class Reopening:
    """When a camera that failed may be tried again: doubling, capped.

    Attributes:
        due_s: monotonic seconds of the next attempt.
    """

    first_s: float = 1.0
    cap_s: float = 30.0
    due_s: float = 0.0
    _wait_s: float = 0.0
    _opened_s: float | None = None

    def opened(self, now_s: float) -> None:
        """Note that the device opened; only staying earns a quick retry."""
        self._opened_s = now_s

    def failed(self, now_s: float) -> None:
        """Note a failure to open or the loss of an open device."""
        if self._opened_s is not None and now_s - self._opened_s >= STABLE_S:
            self._wait_s = 0.0
        self._opened_s = None
        doubled_s = min(self._wait_s * 2, self.cap_s)
        self._wait_s = doubled_s if self._wait_s else self.first_s
        self.due_s = now_s + self._wait_s
