"""Visits of several poor frames: all of them together against the best one alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.burst import is_conclusive
from doorbell.core.decision import Decision, strongest
from doorbell.core.tracks import Evidence
from doorbell.evaluation.metrics import Interval, bootstrap, tpir, weighted_share
from doorbell.evaluation.openset import NOT_READ, Answer, trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from doorbell.core.faces import Gallery, Likeness, OperatingPoint
    from doorbell.core.tracks import Embed
    from doorbell.stages.face_reader import ReadFace

NS_PER_FRAME = 400_000_000


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit, as each way of looking at it answers.

    Attributes:
        combined: the evidence of all frames.
        single: of the one frame that the quality rule picks.
        stopped: as the daemon decides: frame after frame, until it is sure.
        looked_at: frames until then, of `frames`.
    """

    combined: Answer
    single: Answer
    stopped: Answer
    looked_at: int
    frames: int


@dataclass(frozen=True, slots=True)
class Judge:
    """How an engine compares, where its lines are, and how it reads a fused chip."""

    likeness: Likeness
    point: OperatingPoint
    embed: Embed

    def evidence(self) -> Evidence:
        """Begin a visit."""
        return Evidence(self.likeness, self.point, self.embed)


def visit(
    person: str,
    frames: Sequence[ReadFace | None],
    gallery: Gallery,
    judge: Judge,
) -> Visit:
    """Judge one visit of `person` in three ways."""
    evidence = judge.evidence()
    stopped, looked_at = None, len(frames)
    for number, face in enumerate(frames):
        _add(evidence, number, face)
        if stopped is None and is_conclusive(evidence.outcome(gallery).standings):
            stopped = _answer(person, evidence, gallery, judge.likeness)
            looked_at = number + 1
    combined = _answer(person, evidence, gallery, judge.likeness)
    alone = judge.evidence()
    _add(alone, 0, best_frame(frames))
    single = _answer(person, alone, gallery, judge.likeness)
    return Visit(combined, single, stopped or combined, looked_at, len(frames))


def best_frame(frames: Sequence[ReadFace | None]) -> ReadFace | None:
    """Return the face that the quality rule picks."""
    seen = [face for face in frames if face is not None]
    return max(seen, key=lambda face: face.sighting().quality, default=None)


def _add(evidence: Evidence, number: int, face: ReadFace | None) -> None:
    evidence.add(number * NS_PER_FRAME, [] if face is None else [face.sighting()])


def _answer(
    person: str, evidence: Evidence, gallery: Gallery, likeness: Likeness
) -> Answer:
    """Return what a visit is told to be; its likest track counts, if it has several."""
    verdicts = evidence.outcome(gallery).faces
    decision = strongest(face.decision for face in verdicts)
    views = [track.parts for track in evidence.tracks]
    nearest = [gallery.nearest_of(parts, likeness) for parts in views if parts]
    met = [one for one in nearest if one is not None]
    if not met:
        return Answer(person, NOT_READ, is_right=False, decision=decision)
    best = max(met, key=lambda one: one.likeness)
    return Answer(person, best.likeness, best.person_id == person, decision)


WAYS = ("combined", "single", "stopped")
FPIR = 0.01


@dataclass(frozen=True, slots=True)
class WayFigures:
    """One way of looking at visits.

    Attributes:
        missed: FNIR at an FPIR of 1 %: share of enrolled people's visits not named.
        own_named: share named rightly at the settings in use.
        strangers_named: share of strangers' visits named at the settings in use.
    """

    missed: Interval
    own_named: Interval
    strangers_named: Interval


@dataclass(frozen=True, slots=True)
class BurstFigures:
    """Visits made of one photograph each.

    Attributes:
        unseen: share of enrolled people's visits with no face in any frame.
        missed_against_single: FNIR of all frames over FNIR of the best alone.
        looked_at: frames looked at until the daemon is sure, on average.
    """

    own_visits: int
    stranger_visits: int
    unseen: float
    frames: float
    looked_at: float
    combined: WayFigures
    single: WayFigures
    stopped: WayFigures
    missed_against_single: Interval


@dataclass(frozen=True, slots=True)
class HouseVisits:
    """The visits to one house."""

    own: list[Visit]
    strangers: list[Visit]


def figures(
    drawn: Sequence[HouseVisits], numbers: Mapping[str, int], seed: int
) -> BurstFigures:
    """Sum up the visits to all houses."""
    generator = np.random.default_rng([seed, 3])
    missed = {way: _missed(drawn, numbers, way) for way in WAYS}

    def interval(statistic: Callable[[NDArray[np.float64]], float]) -> Interval:
        return bootstrap(len(numbers), statistic, generator)

    def way(name: str) -> WayFigures:
        return WayFigures(
            missed=interval(missed[name]),
            own_named=interval(_named([h.own for h in drawn], numbers, name)),
            strangers_named=interval(
                _named([h.strangers for h in drawn], numbers, name)
            ),
        )

    own = [one for house in drawn for one in house.own]
    everybody = own + [one for house in drawn for one in house.strangers]
    return BurstFigures(
        own_visits=len(own),
        stranger_visits=len(everybody) - len(own),
        unseen=sum(one.combined.likeness == NOT_READ for one in own) / len(own),
        frames=sum(one.frames for one in everybody) / len(everybody),
        looked_at=sum(one.looked_at for one in everybody) / len(everybody),
        combined=way("combined"),
        single=way("single"),
        stopped=way("stopped"),
        missed_against_single=interval(
            lambda times: missed["combined"](times) / max(missed["single"](times), 1e-9)
        ),
    )


def _missed(
    drawn: Sequence[HouseVisits], numbers: Mapping[str, int], way: str
) -> Callable[[NDArray[np.float64]], float]:
    trials = [
        trial(
            [getattr(one, way) for one in house.own],
            [getattr(one, way) for one in house.strangers],
            numbers,
        )
        for house in drawn
    ]
    return lambda times: 1.0 - tpir(trials, FPIR, times)


def _named(
    visits: Sequence[Sequence[Visit]], numbers: Mapping[str, int], way: str
) -> Callable[[NDArray[np.float64]], float]:
    """Return the share named; of enrolled people, rightly."""
    answers: list[Answer] = [getattr(one, way) for some in visits for one in some]
    people = np.array([numbers[one.person] for one in answers], np.intp)
    is_known = np.array([one.decision is Decision.KNOWN for one in answers], bool)
    return lambda times: weighted_share(is_known, times[people])
