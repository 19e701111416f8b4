"""The course of one visit: from the first edge to what the household is told.

Pure. The hub reports what happened and when, and carries out what comes back. Two
deadlines run from the first edge: by `tell_s` the household hears of the ring, named
or not; by `decide_s` recognition ends. Nothing is told before the ring is accepted
(on disk, or known to be undurable).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from doorbell.core.reasons import Reason

# A picture that kills the model must not kill it for ever: one death is retried.
MAX_VISION_DEATHS = 1


class Act(Enum):
    """What the hub must do next.

    Attributes:
        TELL: tell the targets that heard nothing yet what is known now.
        DECIDE: store the decision and tell it, where it was not told in time as an
            update.
        DEGRADE: store that there is no decision, and why.
        FORGET: nobody rang after all; drop everything.
    """

    TELL = auto()
    DECIDE = auto()
    DEGRADE = auto()
    FORGET = auto()


@dataclass(frozen=True, slots=True)
class VisitLimits:
    """Seconds from the first edge, and frames.

    Attributes:
        tell_s: without a decision by then, "someone rang" goes out.
        decide_s: recognition ends.
        burst_frames: frames looked at, at most.
    """

    tell_s: float
    decide_s: float
    burst_frames: int


@dataclass(slots=True)
class VisitCourse:
    """One visit, as the hub sees it; all times in monotonic seconds.

    Attributes:
        edge_s: the first edge.
        accepted: the ring counts and is on disk (or known to be undurable).
        told: the household was told of the ring, named or not.
        closed: decided or degraded; no more looks.
        answered: a look of recognition came back with an answer.
        sure: more frames cannot change the answer for the better.
        reason: why there is no answer, once that is known.
    """

    limits: VisitLimits
    edge_s: float
    accepted: bool = False
    told: bool = False
    closed: bool = False
    answered: bool = False
    sure: bool = False
    void: bool = False
    looking: bool = False
    looks: int = 0
    vision_deaths: int = 0
    reason: str = ""

    def may_look(self) -> bool:
        """Whether one more frame may be given to recognition now."""
        return not (
            self.closed
            or self.void
            or self.sure
            or self.looking
            or self.reason
            or self.looks >= self.limits.burst_frames
        )

    def look_began(self) -> None:
        """A frame was given to recognition."""
        self.looking = True
        self.looks += 1

    def look_ended(self, *, sure: bool, error: str = "") -> None:
        """Recognition answered; `error` says why this frame gave nothing."""
        self.looking = False
        if error:
            self._give_up_if_spent(error)
            return
        self.answered = True
        self.sure = sure

    def _give_up_if_spent(self, error: str) -> None:
        if self.looks >= self.limits.burst_frames and not self.answered:
            self.reason = error

    def vision_died(self) -> None:
        """The process that had this visit's frame in hand is gone."""
        if not self.looking:
            return
        self.looking = False
        self.vision_deaths += 1
        # The evidence died with the process.
        self.answered = False
        if self.vision_deaths > MAX_VISION_DEATHS:
            self.reason = Reason.FAILED_TWICE

    def blocked(self, reason: str) -> None:
        """There will be no answer: no camera, no engine, recognition switched off."""
        if not self.answered and not self.looking:
            self.reason = self.reason or reason

    def ring_accepted(self) -> None:
        """The ring is on disk, or it is known that it cannot be."""
        self.accepted = True

    def ring_void(self) -> None:
        """The level did not hold long enough: nobody rang."""
        self.void = True

    def next_deadline_s(self) -> float:
        """When `act` must be asked again even if nothing happens."""
        tell_s = self.edge_s + self.limits.tell_s
        return self.edge_s + self.limits.decide_s if self.told else tell_s

    def act(self, now_s: float, *, frames_left: bool) -> Act | None:
        """Say what to do now; ask again until it answers None.

        Args:
            now_s: monotonic seconds.
            frames_left: a frame worth looking at waits or may still come.
        """
        if self.closed:
            return None
        if self.void:
            self.closed = True
            return Act.FORGET
        if not self.accepted:
            return None
        if self._is_decided(now_s, frames_left=frames_left):
            self.closed = self.told = True
            return Act.DECIDE
        if self._is_hopeless(now_s):
            self.closed = self.told = True
            return Act.DEGRADE
        if not self.told and now_s >= self.edge_s + self.limits.tell_s:
            self.told = True
            return Act.TELL
        return None

    def _is_decided(self, now_s: float, *, frames_left: bool) -> bool:
        if not self.answered:
            return False
        # What is known at the deadline is told: a name now beats a surer name later.
        late = now_s >= self.edge_s + self.limits.tell_s
        spent = self.looks >= self.limits.burst_frames or not frames_left
        return self.sure or late or (spent and not self.looking)

    def _is_hopeless(self, now_s: float) -> bool:
        if now_s >= self.edge_s + self.limits.decide_s:
            self.reason = self.reason or Reason.TOO_SLOW
        return bool(self.reason)
