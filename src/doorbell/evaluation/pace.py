"""Rings at the pace of a Pi 4, by proxy: plain face_recognition takes 2 s a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError
from doorbell.evaluation.contest import ORACLE, Contestant
from doorbell.evaluation.figures import spread
from doorbell.evaluation.throttle import Throttle

if TYPE_CHECKING:
    from pathlib import Path

# Published for face_recognition on a Pi 4: some 2 s a frame of 1280x720.
WANTED_MS = 2000.0
GOAL_MS = 1000.0
TRIES = 3
NEAR = 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow this machine was made.

    Attributes:
        share: of the time in which a process may run.
        free_ms: of plain face_recognition for a frame, as the machine is.
        slow_ms: the same under the share.
    """

    share: float
    free_ms: float
    slow_ms: float


def found(frames: Path, models: Path) -> Pace:
    """Find the share at which plain face_recognition takes 2 s a frame.

    Raises:
        UnavailableError: it is not installed.
    """
    with Contestant(ORACLE, frames, models) as plain:
        if "missing" in plain.hello:
            raise UnavailableError(str(plain.hello["missing"]))
        free_ms = _median_ms(plain)
        share, slow_ms = min(1.0, free_ms / WANTED_MS), free_ms
        for _ in range(TRIES):
            with Throttle([plain.pid], share):
                slow_ms = _median_ms(plain)
            if abs(slow_ms / WANTED_MS - 1) <= NEAR or share >= 1.0:
                break
            share = min(1.0, share * slow_ms / WANTED_MS)
        return Pace(share, free_ms, slow_ms)


def _median_ms(plain: Contestant) -> float:
    plain.tell(do="whole", frames=3)
    took = spread(plain.heard()["took_ms"])
    if took is None:
        msg = "nothing was measured"
        raise UnavailableError(msg)
    return took.median
