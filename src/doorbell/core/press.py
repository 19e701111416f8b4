"""Decide which edges of the button's line are a press that counts.

Pure: edges and times come in, outcomes go out. All times are CLOCK_MONOTONIC
nanoseconds. Two filters work side by side, and neither delays the first edge:

* A level that does not last `hold_ns` is nothing, in either direction: a spike on a
  long wire rings nobody, and a thumb that trembles does not ring twice.
* After the release of a press that counted, what begins and ends within
  `debounce_ns` is the contact bouncing. A level still there when that time is over
  is a press of its own, dated by its own edge: ignoring it would lose a ring of a
  child who presses faster than the bounce time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

_NS_PER_MS = 1_000_000
# Contacts of 18 switches bounced for 6.2 ms at most, outliers apart: J. Ganssle, "A
# Guide to Debouncing". Used where `hold_ms` is set lower than that.
_BOUNCE_NS = 10 * _NS_PER_MS
# A line that flutters longer than this without holding is no thumb. Its beginning
# must not date a real press that comes an hour later.
FLUTTER_NS = 200 * _NS_PER_MS


@dataclass(frozen=True, slots=True)
class PressRules:
    """The limits, nanoseconds; see `[button]` in the settings."""

    hold_ns: int
    debounce_ns: int
    stuck_ns: int

    @classmethod
    def from_settings(
        cls, hold_ms: int, debounce_ms: int, stuck_s: float
    ) -> PressRules:
        """Take the units of the settings."""
        return cls(
            hold_ms * _NS_PER_MS,
            debounce_ms * _NS_PER_MS,
            int(stuck_s * 1000) * _NS_PER_MS,
        )

    @property
    def glitch_ns(self) -> int:
        """A release shorter than this is part of the press around it."""
        return max(self.hold_ns, min(self.debounce_ns, _BOUNCE_NS))


class Verdict(Enum):
    """What became of a press, or of the line."""

    BEGAN = auto()
    COUNTED = auto()
    VOID = auto()
    STUCK = auto()
    UNSTUCK = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing the caller must act on.

    Attributes:
        press: number of the press, from 1, growing.
        at_ns: the first edge of that press; for `UNSTUCK` its release.
        held_ns: how long the line has been active; 0 unless (un)stuck.
    """

    verdict: Verdict
    press: int
    at_ns: int
    held_ns: int = 0


class _Phase(Enum):
    IDLE = auto()
    TRYING = auto()  # began, has not held long enough yet
    COUNTED = auto()
    SETTLING = auto()  # released after a press that counted; the contact may bounce


@dataclass(slots=True)
class PressTracker:
    """The state of one line, from edge to edge."""

    rules: PressRules
    _phase: _Phase = _Phase.IDLE
    _press: int = 0
    _began_ns: int = 0
    _level: bool = False
    _level_ns: int = 0
    _now_ns: int = 0
    _settled_ns: int = 0
    _stuck: bool = False
    _out: list[Outcome] = field(default_factory=list)

    @property
    def is_undecided(self) -> bool:
        """Whether a press began that neither counts nor is void yet."""
        return self._phase is _Phase.TRYING

    @property
    def is_pressed(self) -> bool:
        """The level that the edges so far end on."""
        return self._level

    def is_at_rest(self, now_ns: int) -> bool:
        """Whether no edge so far can matter to what comes."""
        match self._phase:
            case _Phase.IDLE:
                return not self._level
            case _Phase.SETTLING:
                return not self._level and now_ns >= self._settled_ns
            case _:
                return False

    def edge(self, pressed: bool, at_ns: int) -> list[Outcome]:  # noqa: FBT001 - the level
        """Take one edge; what fell due before it comes first in the answer.

        Args:
            pressed: the level after the edge; the level we have is no edge.
            at_ns: when; earlier than the last edge, or than what fell due since,
                counts as that time.
        """
        self._advance(at_ns)
        if pressed != self._level:
            self._now_ns = max(at_ns, self._now_ns)
            self._level, self._level_ns = pressed, self._now_ns
            if pressed:
                self._rise()
            self._advance(self._now_ns)
        return self._take()

    def tick(self, now_ns: int) -> list[Outcome]:
        """Say what fell due by `now_ns`; calling it more often changes nothing."""
        self._advance(now_ns)
        return self._take()

    def due_ns(self) -> int | None:
        """When the next `tick` is needed, or None until the next edge."""
        rules = self.rules
        match self._phase, self._level:
            case _Phase.TRYING, True:
                return self._level_ns + rules.hold_ns
            case ((_Phase.TRYING | _Phase.COUNTED), False):
                return self._level_ns + rules.glitch_ns
            case _Phase.COUNTED, True if not self._stuck:
                return self._began_ns + rules.stuck_ns
            case _Phase.SETTLING, True:
                return max(self._settled_ns, self._level_ns + rules.hold_ns)
            case _:
                return None

    def _rise(self) -> None:
        """The level became active; a gap too short to be a release changes nothing."""
        match self._phase:
            case _Phase.IDLE:
                self._begin(self._now_ns)
            case _Phase.SETTLING if self._now_ns >= self._settled_ns:
                self._begin(self._now_ns)
            case _Phase.TRYING if self._now_ns - self._began_ns > FLUTTER_NS:
                self._say(Verdict.VOID)
                self._begin(self._now_ns)
            case _:
                pass

    def _advance(self, at_ns: int) -> None:
        """Let everything happen that falls due until `at_ns`.

        Time itself does not move on: an edge told late keeps its own date, and read
        again after a crash it begins the same press.
        """
        at_ns = max(at_ns, self._now_ns)
        while (due_ns := self.due_ns()) is not None and due_ns <= at_ns:
            self._now_ns = max(due_ns, self._now_ns)
            self._fall_due()

    def _fall_due(self) -> None:
        match self._phase, self._level:
            case _Phase.TRYING, True:
                self._phase = _Phase.COUNTED
                self._say(Verdict.COUNTED)
            case _Phase.TRYING, False:
                self._phase = _Phase.IDLE
                self._say(Verdict.VOID)
            case _Phase.COUNTED, True:
                self._stuck = True
                self._say(Verdict.STUCK, self._now_ns - self._began_ns)
            case _Phase.COUNTED, False:
                self._release()
            case _Phase.SETTLING, _:
                self._begin(self._level_ns)
            case _:
                pass

    def _begin(self, at_ns: int) -> None:
        self._press += 1
        self._phase, self._began_ns = _Phase.TRYING, at_ns
        self._say(Verdict.BEGAN)

    def _release(self) -> None:
        released_ns = self._level_ns
        if self._stuck:
            held_ns = released_ns - self._began_ns
            self._out.append(
                Outcome(Verdict.UNSTUCK, self._press, released_ns, held_ns)
            )
        self._stuck = False
        self._phase = _Phase.SETTLING
        self._settled_ns = released_ns + self.rules.debounce_ns

    def _say(self, verdict: Verdict, held_ns: int = 0) -> None:
        self._out.append(Outcome(verdict, self._press, self._began_ns, held_ns))

    def _take(self) -> list[Outcome]:
        out, self._out = self._out, []
        return out
