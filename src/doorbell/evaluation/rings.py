"""How long a ring takes from the button to the phone, stage by stage.

Every ring is a press of the mock button of a running daemon. Its stages are those the
daemon stored with the visit; the pushes are timed where they arrive, on the same
monotonic clock.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import TYPE_CHECKING

from doorbell.evaluation.figures import Spread, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from doorbell.evaluation.trial import Trial
    from doorbell.evaluation.visitors import Visitor
    from doorbell.runtime.replies import VisitView
    from doorbell.testing.sink import Received, Sink

NS_PER_MS = 1_000_000
TOLD_S = 30.0
# A frame or two beyond the pre-roll, so that all of it shows the new visitor.
SETTLE_S = 0.5
# What each stage is called and what it means, in the order of a good visit.
STAGES = {
    "rung": "ring on disk, visit opened",
    "captured": "picture for people made",
    "recognised": "recognition's last answer",
    "decided": "who it is, decided",
    "first push": "first 2xx of the phone",
    "push": "2xx of the push that says who",
    "answer": "recognised, from the later of press and last frame looked at",
    "decision": "decided, from the later of press and last frame looked at",
}
# The stages again whose time is told from when everything for them was at hand.
SINCE_ALL_AT_HAND = {"answer": "recognised", "decision": "decided"}


@dataclass(frozen=True, slots=True)
class MeasuredRing:
    """One ring.

    Attributes:
        decision: of the visit; "untold" when no push said who it is.
        is_right: decision and name are as they should be.
        took_ms: milliseconds since the first edge, by stage.
        names: told, surely or not.
    """

    visitor: Visitor
    decision: str
    is_right: bool
    took_ms: dict[str, float] = field(default_factory=dict)
    names: frozenset[str] = frozenset()


def measure(
    trial: Trial, sink: Sink, visitors: Sequence[Visitor], count: int
) -> Iterator[MeasuredRing]:
    """Ring `count` times, one visitor after the other; yields each as it ends."""
    for visitor in islice(cycle(visitors), count):
        (trial.site.porch / "scene.txt").write_text(visitor.picture)
        time.sleep(trial.settings.camera.preroll_s + SETTLE_S)
        sink.forget()
        trial.press()
        yield outcome(trial, sink, visitor)


def measure_cold(
    start: Callable[[], Trial], sink: Sink, visitors: Sequence[Visitor], count: int
) -> Iterator[MeasuredRing]:
    """Ring a daemon that is just starting, as soon as it hears the button.

    Args:
        start: a daemon on a state in which somebody is enrolled; not yet entered.
        sink: the phone.
        visitors: take turns.
        count: of rings, each at a start of its own.
    """
    for visitor in islice(cycle(visitors), count):
        trial = start()
        (trial.site.porch / "scene.txt").write_text(visitor.picture)
        sink.forget()
        with trial:
            trial.press()
            yield outcome(trial, sink, visitor)


def outcome(trial: Trial, sink: Sink, visitor: Visitor) -> MeasuredRing:
    """Wait for the push that says who, and read what the daemon stored."""
    if not sink.wait_until(_says_who, TOLD_S):
        return MeasuredRing(visitor, "untold", is_right=False)
    pushes = list(sink.received)
    visit_id = pushes[-1].key.rpartition("-")[0]
    view = trial.visit(visit_id)
    if view is None:
        return MeasuredRing(visitor, "unstored", is_right=False)
    took_ms = stages(view, [push.mono_ns for push in pushes])
    names = frozenset(face.name for face in view.faces if face.name is not None)
    right = is_right(visitor, view)
    return MeasuredRing(visitor, view.decision, right, took_ms, names)


def _says_who(received: Sequence[Received]) -> bool:
    return any(push.key.endswith(("-name", "-visit")) for push in received)


def is_right(visitor: Visitor, view: VisitView) -> bool:
    """Whether the visit was decided as it should be, and nobody else was named."""
    names = {face.name for face in view.faces if face.name is not None}
    wanted = set() if visitor.name is None else {visitor.name}
    return view.decision == visitor.decision and names == wanted


def stages(view: VisitView, pushed_ns: Sequence[int]) -> dict[str, float]:
    """Return milliseconds since the press, by stage.

    Args:
        view: with the times of the daemon.
        pushed_ns: monotonic times at which its pushes arrived, in order.
    """
    edge_ns = view.ring.stamp.mono_ns
    took_ms = {
        stage: view.timings_ms[stage]
        for stage in (*STAGES, "anticipated")
        if stage in view.timings_ms
    }
    for stage, at_ns in zip(
        ("first push", "push"), (pushed_ns[0], pushed_ns[-1]), strict=True
    ):
        took_ms[stage] = round((at_ns - edge_ns) / NS_PER_MS, 1)
    # A frame of before the press is not told, and was at hand then.
    at_hand_ms = view.timings_ms.get("frame", 0.0)
    for stage, end in SINCE_ALL_AT_HAND.items():
        if end in took_ms:
            took_ms[stage] = round(max(0.0, took_ms[end] - at_hand_ms), 1)
    return took_ms


def by_stage(rings: Sequence[MeasuredRing]) -> dict[str, Spread]:
    """Sum up the rings that reached each stage, in milliseconds."""
    found = {
        stage: spread([ring.took_ms[stage] for ring in rings if stage in ring.took_ms])
        for stage in STAGES
    }
    return {stage: one for stage, one in found.items() if one is not None}


def by_visitor(rings: Sequence[MeasuredRing]) -> dict[str, list[MeasuredRing]]:
    """Group rings by whom they were of."""
    groups: dict[str, list[MeasuredRing]] = {}
    for ring in rings:
        groups.setdefault(ring.visitor.picture, []).append(ring)
    return groups


def count_right(rings: Sequence[MeasuredRing]) -> int:
    """Return how many were decided as they should be."""
    return sum(ring.is_right for ring in rings)
