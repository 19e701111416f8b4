"""The button's worker: from the first edge to a ring that is on disk and was heard.

Nothing here waits for the card: the journal is written by a thread of its own. A ring
whose write takes too long, or fails, sounds the chime and is told all the same; when
it reaches the disk later it is told again, under the same id, with its number.
"""

from __future__ import annotations

import contextlib
import logging
import select
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, assert_never

from doorbell.core.errors import DoorbellError, HardwareAbsentError
from doorbell.core.press import Outcome, PressRules, PressTracker, Verdict
from doorbell.core.ring import Ring, RingSource
from doorbell.core.ring_id import press_id
from doorbell.core.stamp import NS_PER_S, Stamp, stamp_at
from doorbell.stages.heard import Heard
from doorbell.stages.messages import (
    ButtonState,
    ButtonStuck,
    CursorMoved,
    LightUp,
    PressBegan,
    PressVoid,
    RequestRing,
    RingAccepted,
    Rung,
    Stop,
)
from doorbell.stages.ring_writer import (
    Draft,
    JournalHealth,
    Kept,
    KeptBefore,
    NotKept,
    RingWriter,
    WriterNews,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from config.production.production_settings import ProductionSettings
    from doorbell.ports.button import Button
    from doorbell.ports.clock import Clock
    from doorbell.ports.journal import Journal
    from doorbell.ports.signal import Signal
    from doorbell.ports.stage import Outlet

log = logging.getLogger("doorbell.button")

# A finger waits this long for its chime; a good card answers sooner.
CHIME_PATIENCE_NS = 200_000_000
# The household waits this long for the disk before it is told without.
TELL_PATIENCE_NS = 2 * NS_PER_S
_LINE_RETRY_FIRST_S = 1.0
_LINE_RETRY_MAX_S = 60.0
_JOURNAL_START_S = 5.0
_DRAIN_S = 2.5
_LAST_WRITE_S = 0.5
_DRAIN_LOOK_S = 0.01
_IDLE_S = 1.0
# A ring that was on disk when the last process was killed may have been heard by
# nobody: sounding twice is better. Who pressed longer ago does not wait any more.
_SOUND_AGAIN_S = 3.0
# An edge is dated by the kernel, but told later: 5-20 ms on a busy machine. A release
# that is not told by then was dropped.
_EDGE_LATE_NS = 50_000_000
_EDGE_LOOK_S = 0.002


@dataclass(slots=True)
class _Waiting:
    """A ring that counts and is not known to be on disk.

    Attributes:
        press: number of the press, 0 if no edge began it.
        request: number of the request, 0 if an edge began it.
        since_ns: when it was handed to the writer.
        sounded: the chime was asked to sound for it.
        told: the hub was told without waiting longer.
    """

    draft: Draft
    press: int
    request: int
    since_ns: int
    sounded: bool = False
    told: bool = False


class ButtonStage:
    """See `ports.stage.Stage`.

    Args:
        settings: `[button]`, `[chime]`, the time zone and what is switched off.
        button: None with `button.source = "none"`: rings then only come by request.
        journal: owned by the writer's thread from here on.
        chime: what sounds in the house.
        led: the light that says `heard you`, if there is one.
        light: the light at the door, for a press in the dark.
        clock: both clocks.
        new_id: 32 fresh hexadecimal digits at each call, for rings without an edge.
    """

    def __init__(  # noqa: PLR0913 - the parts are wired in one place, by name
        self,
        settings: ProductionSettings,
        *,
        button: Button | None,
        journal: Journal,
        chime: Signal,
        led: Signal | None,
        light: Signal | None = None,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        chosen = settings.button
        self._button, self._clock, self._new_id = button, clock, new_id
        self._heard = Heard(settings, chime, led, clock, light)
        self._writer = RingWriter(journal)
        self._tracker = PressTracker(
            PressRules.from_settings(chosen.hold_ms, chosen.debounce_ms, chosen.stuck_s)
        )
        self._source: RingSource = "mock" if chosen.source == "mock" else "gpio"
        self._outlet: Outlet | None = None
        self._edges_of: dict[int, Stamp] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._line_is_open = False
        self._awaits_release = False
        self._line_due_ns = 0
        self._line_retry_s = _LINE_RETRY_FIRST_S
        self._line_detail = "no button, rings come by request"
        self._line_hint = ""
        self._health = JournalHealth("ok", "not answering yet")
        self._reported: ButtonState | None = None

    def start(self, outlet: Outlet) -> str:
        """Take the line and the journal; both may be missing and come later."""
        self._outlet = outlet
        outlet.busy(_JOURNAL_START_S + _IDLE_S)
        self._writer.start()
        self._look_after_line(self._clock.mono_ns())
        select.select([self._writer.descriptor()], [], [], _JOURNAL_START_S)
        self._hear_writer()
        self._report()
        return f"{self._line_detail}; journal {self._health.condition}"

    def handle(self, message: object, fds: Sequence[int]) -> None:
        """Take one message; none of them brings a descriptor."""
        del fds
        match message:
            case RequestRing(request=request, source=source, kept=False):
                self._acknowledge(request, source)
            case RequestRing(request=request, source=source):
                draft = Draft(self._new_id(), source, self._clock.now())
                self._ring(draft, press=0, request=request)
            case CursorMoved(seq=seq):
                self._writer.release(seq)
            case LightUp():
                self._heard.light_up()
            case Stop():
                self._drain()
            case _:
                log.warning("unexpected", extra={"kind": type(message).__name__})

    def turn(self, now_s: float) -> float:
        """Judge the edges, tell what became of the rings, end what sounds."""
        del now_s
        now_ns = self._clock.mono_ns()
        self._look_after_line(now_ns)
        self._take_edges(now_ns)
        self._hear_writer()
        self._lose_patience(now_ns)
        self._report()
        self._settle(now_ns)
        if not self._writer.is_alive():
            msg = "the thread that writes the journal died"
            raise DoorbellError(msg, hint="This is a bug; the log has its trace.")
        return self._wait_s(now_ns)

    def greet(self) -> None:
        """Somebody new listens: have the state of line and journal told again."""
        self._reported = None

    def _settle(self, now_ns: int) -> None:
        if self._button is None or not self._line_is_open or self._waiting:
            return
        if self._tracker.is_at_rest(now_ns):
            self._button.settle()

    def descriptors(self) -> Sequence[int]:
        """The edges' and the writer's."""
        own = [self._writer.descriptor()]
        return own if self._button is None else [self._button.descriptor(), *own]

    def close(self) -> None:
        """Bring what is in hand to disk and to the hub, then let go."""
        if self._outlet is not None:
            self._drain()
        self._writer.stop(_LAST_WRITE_S)
        self._heard.close()
        if self._button is not None:
            self._button.close()

    # The line.

    def _look_after_line(self, now_ns: int) -> None:
        if self._button is None or self._line_is_open or now_ns < self._line_due_ns:
            return
        try:
            self._line_detail, self._line_hint = self._button.open(), ""
        except HardwareAbsentError as error:
            self._line_detail, self._line_hint = str(error), error.hint
            self._line_due_ns = now_ns + round(self._line_retry_s * NS_PER_S)
            self._line_retry_s = min(2 * self._line_retry_s, _LINE_RETRY_MAX_S)
        else:
            self._line_is_open, self._line_retry_s = True, _LINE_RETRY_FIRST_S

    def _take_edges(self, now_ns: int) -> None:
        if self._button is not None and self._line_is_open:
            edges = self._button.edges()
            for edge in edges:
                self._act(self._tracker.edge(edge.pressed, edge.mono_ns))
            pressed = self._button.is_pressed()
            self._awaits_release = self._is_release_on_its_way(pressed, now_ns)
            if self._awaits_release:
                return
            if not edges:
                # For what was pressed before we looked, and for an edge that the
                # kernel dropped: its queue holds 16 a line.
                self._act(self._tracker.edge(pressed, now_ns))
        self._act(self._tracker.tick(now_ns))

    def _is_release_on_its_way(self, pressed: bool, now_ns: int) -> bool:  # noqa: FBT001 - the level
        """Whether only the release's edge can tell if the press held long enough."""
        tracker = self._tracker
        if pressed or not (tracker.is_undecided and tracker.is_pressed):
            return False
        due_ns = tracker.due_ns()
        return due_ns is not None and due_ns <= now_ns < due_ns + _EDGE_LATE_NS

    def _act(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            match outcome.verdict:
                case Verdict.BEGAN:
                    stamp = stamp_at(outcome.at_ns, self._clock.now())
                    self._edges_of[outcome.press] = stamp
                    self._send(PressBegan(press=outcome.press, stamp=stamp))
                case Verdict.VOID:
                    del self._edges_of[outcome.press]
                    self._send(PressVoid(press=outcome.press))
                case Verdict.COUNTED:
                    stamp = self._edges_of.pop(outcome.press)
                    ring_id = press_id(stamp.boot_id, stamp.mono_ns)
                    draft = Draft(ring_id, self._source, stamp)
                    self._ring(draft, press=outcome.press, request=0)
                case Verdict.STUCK | Verdict.UNSTUCK as verdict:
                    stuck, held_s = verdict is Verdict.STUCK, outcome.held_ns / NS_PER_S
                    self._send(ButtonStuck(stuck=stuck, held_s=held_s))
                case _:
                    assert_never(outcome.verdict)

    # Rings.

    def _ring(self, draft: Draft, *, press: int, request: int) -> None:
        """A ring counts: have it written, and say `heard you` at once."""
        self._writer.submit(draft)
        since_ns = self._clock.mono_ns()
        self._waiting[draft.id] = _Waiting(draft, press, request, since_ns)
        self._heard.light(draft.source)

    def _acknowledge(self, request: int, source: RingSource) -> None:
        """Answer a self-test that is to leave no trace."""
        ring = Ring(0, self._new_id(), source, self._clock.now(), durable=False)
        self._send(Rung(ring=ring, request=request))
        self._send(RingAccepted(request=request, ring=ring))

    def _hear_writer(self) -> None:
        for news in self._writer.news():
            self._take_news(news)

    def _take_news(self, news: WriterNews) -> None:
        match news:
            case Kept(ring=ring):
                waiting = self._waiting.pop(ring.id, None)
                self._tell(ring, waiting)
                if waiting is not None:
                    self._sound(waiting)
            case KeptBefore(ring=ring):
                self._heard_again(ring)
            case NotKept(draft=draft, error=error):
                waiting = self._waiting.pop(draft.id, None)
                if waiting is not None:
                    self._sound(waiting)
                    self._tell_undurable(waiting, error)
            case JournalHealth():
                self._health = news

    def _heard_again(self, ring: Ring) -> None:
        """A press of an earlier life: the hub reads it in the journal."""
        waiting = self._waiting.pop(ring.id, None)
        age_s = (self._clock.mono_ns() - ring.stamp.mono_ns) / NS_PER_S
        if waiting is not None and age_s <= _SOUND_AGAIN_S:
            self._sound(waiting)

    def _tell(self, ring: Ring, waiting: _Waiting | None, error: str = "") -> None:
        """Tell the hub of a ring; a request is answered once, by the first telling."""
        if waiting is None or waiting.told:
            self._send(Rung(ring=ring))
            return
        press, request = waiting.press, waiting.request
        self._send(Rung(ring=ring, press=press, request=request, error=error))
        if request:
            self._send(RingAccepted(request=request, ring=ring))

    def _tell_undurable(self, waiting: _Waiting, error: str) -> None:
        draft = waiting.draft
        if not waiting.told:
            ring = Ring(0, draft.id, draft.source, draft.stamp, durable=False)
            self._tell(ring, waiting, error)
        waiting.told = True

    def _lose_patience(self, now_ns: int) -> None:
        """Sound and tell what the disk has kept waiting for too long."""
        # Behind a write that hangs, waiting as long again for each ring helps nobody.
        hangs = any(waiting.told for waiting in self._waiting.values())
        for waiting in self._waiting.values():
            waited_ns = now_ns - waiting.since_ns
            if waited_ns >= CHIME_PATIENCE_NS:
                self._sound(waiting)
            if waited_ns >= TELL_PATIENCE_NS or hangs:
                self._sound(waiting)
                self._tell_undurable(waiting, "the disk has not answered yet")

    def _sound(self, waiting: _Waiting) -> None:
        """Sound the chime once for a ring."""
        if not waiting.sounded:
            waiting.sounded = True
            self._heard.sound(waiting.draft.source, waiting.draft.stamp)

    # The loop.

    def _send(self, message: object) -> None:
        # A hub that is gone ends the worker's loop by itself. Here an error would
        # take the rest of the outcomes with it, and a ring may be among them.
        if self._outlet is not None:
            with contextlib.suppress(ConnectionError):
                self._outlet.send(message)

    def _report(self) -> None:
        line: Literal["ok", "absent", "off"] = "ok"
        if not self._line_is_open:
            line = "off" if self._button is None else "absent"
        state = ButtonState(
            line=line,
            journal=self._health.condition,
            detail="; ".join(filter(None, [self._line_detail, self._health.detail])),
            hint=" ".join(filter(None, [self._line_hint, self._health.hint])),
        )
        if state != self._reported:
            self._reported = state
            self._send(state)

    def _wait_s(self, now_ns: int) -> float:
        dues_ns = [now_ns + round(_IDLE_S * NS_PER_S)]
        if (due_ns := self._tracker.due_ns()) is not None:
            dues_ns.append(due_ns)
        for waiting in self._waiting.values():
            if not waiting.sounded:
                dues_ns.append(waiting.since_ns + CHIME_PATIENCE_NS)
            elif not waiting.told:
                dues_ns.append(waiting.since_ns + TELL_PATIENCE_NS)
        least_s = _EDGE_LOOK_S if self._awaits_release else 0.0
        wait_s = max(least_s, (min(dues_ns) - now_ns) / NS_PER_S)
        heard_s = self._heard.turn(now_ns)
        return wait_s if heard_s is None else min(wait_s, heard_s)

    def _drain(self) -> None:
        """Finish presses and rings in hand; what the disk keeps waiting is told."""
        deadline_s = time.monotonic() + _DRAIN_S
        if self._outlet is not None:
            with contextlib.suppress(ConnectionError):
                self._outlet.busy(_DRAIN_S + _IDLE_S)
        while time.monotonic() < deadline_s:
            self._take_edges(self._clock.mono_ns())
            self._hear_writer()
            self._lose_patience(self._clock.mono_ns())
            if not self._waiting and not self._tracker.is_undecided:
                return
            select.select([self._writer.descriptor()], [], [], _DRAIN_LOOK_S)
        for waiting in self._waiting.values():
            self._sound(waiting)
            self._tell_undurable(waiting, "the disk did not answer before the end")
