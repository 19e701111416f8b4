"""Figures of many houses of one size: rates, intervals, and what the defaults do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.calibrated import lines_for, overridden
from doorbell.core.decision import Decision
from doorbell.evaluation.metrics import Interval, bootstrap, tpir, weighted_share
from doorbell.evaluation.openset import NOT_READ, answer, draw_house, gallery_of, trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from config.vision import Vision
    from doorbell.core.faces import OperatingPoint
    from doorbell.evaluation.metrics import Trial
    from doorbell.evaluation.openset import Answer, Rows
    from doorbell.ports.faces import Engine

FPIRS = (0.001, 0.01, 0.1)


@dataclass(frozen=True, slots=True)
class Told:
    """How visits are told at the settings in use, as shares of all.

    Attributes:
        strangers_named: strangers who are called somebody.
        strangers_unsure: strangers who are perhaps somebody.
        own_named: enrolled people called by their name.
        own_unsure: perhaps themselves, or perhaps somebody else.
        own_misnamed: called by another's name.
    """

    strangers_named: Interval
    strangers_unsure: Interval
    own_named: Interval
    own_unsure: Interval
    own_misnamed: Interval


@dataclass(frozen=True, slots=True)
class Figures:
    """Of galleries of one size, over all draws.

    Attributes:
        known_at, unsure_at: where the lines lay.
        rank1: share of enrolled visits in which the right person is the nearest.
        tpir: TPIR by FPIR.
    """

    people: int
    photos: int
    draws: int
    own_visits: int
    stranger_visits: int
    known_at: float
    unsure_at: float
    rank1: Interval
    tpir: dict[float, Interval]
    told: Told


@dataclass(frozen=True, slots=True)
class Size:
    """What to draw."""

    people: int
    photos: int
    draws: int


def point_for(engine: Engine, owners: Sequence[str], vision: Vision) -> OperatingPoint:
    """Return the lines that the daemon would draw for a gallery."""
    lines = lines_for(engine.name, owners, vision.strangers_named)
    if lines is None:
        return engine.point
    lines = overridden(lines, vision.known_at, vision.unsure_at)
    return replace(engine.point, known_at=lines.known_at, unsure_at=lines.unsure_at)


@dataclass(frozen=True, slots=True)
class Draws:
    """The answers of all draws: of each, enrolled people's and strangers'."""

    own: list[list[Answer]]
    strangers: list[list[Answer]]
    point: OperatingPoint


def visit_houses(  # noqa: PLR0913 - what is drawn, who judges, and how it is told
    rows: Rows,
    size: Size,
    *,
    engine: Engine,
    vision: Vision,
    seed: int,
    progress: Callable[[int, int], None],
) -> Draws:
    """Draw houses and judge every visit to them.

    Raises:
        TooFewError: there are too few people.
    """
    generator = np.random.default_rng([seed, size.people, size.photos])
    likeness = engine.embedder.likeness
    own: list[list[Answer]] = []
    strangers: list[list[Answer]] = []
    point = engine.point
    for number in range(size.draws):
        house = draw_house(rows, size.people, size.photos, generator)
        gallery = gallery_of(rows, house.enrolled)
        point = point_for(engine, gallery.person_ids, vision)
        for found, visits in ((own, house.own), (strangers, house.strangers)):
            found.append(
                [
                    answer(name, rows[name][index], gallery, likeness, point)
                    for name, index in visits
                ]
            )
        progress(number + 1, size.draws)
    return Draws(own, strangers, point)


def figures(draws: Draws, size: Size, names: Sequence[str], seed: int) -> Figures:
    """Sum up the answers of all draws."""
    numbers = {name: number for number, name in enumerate(names)}
    trials = [
        trial(own, strangers, numbers)
        for own, strangers in zip(draws.own, draws.strangers, strict=True)
    ]
    generator = np.random.default_rng([seed, 1])

    def interval(statistic: Callable[[np.ndarray], float]) -> Interval:
        return bootstrap(len(names), statistic, generator)

    own = [one for answers in draws.own for one in answers]
    return Figures(
        people=size.people,
        photos=size.photos,
        draws=size.draws,
        own_visits=len(own),
        stranger_visits=sum(map(len, draws.strangers)),
        known_at=draws.point.known_at,
        unsure_at=draws.point.unsure_at,
        rank1=interval(_share(own, numbers, lambda one: one.is_right)),
        tpir={fpir: interval(_tpir(trials, fpir)) for fpir in FPIRS},
        told=told(draws, numbers, interval),
    )


def _tpir(trials: Sequence[Trial], fpir: float) -> Callable[[np.ndarray], float]:
    return lambda times: tpir(trials, fpir, times)


def _share(
    answers: Sequence[Answer],
    numbers: Mapping[str, int],
    is_so: Callable[[Answer], bool],
) -> Callable[[np.ndarray], float]:
    people = np.array([numbers[one.person] for one in answers], np.intp)
    hits = np.array([is_so(one) for one in answers], bool)
    return lambda times: weighted_share(hits, times[people])


def told(
    draws: Draws,
    numbers: Mapping[str, int],
    interval: Callable[[Callable[[np.ndarray], float]], Interval],
) -> Told:
    """Count what the settings in use make of the visits."""
    own = [one for answers in draws.own for one in answers]
    others = [one for answers in draws.strangers for one in answers]

    def share(answers: list[Answer], is_so: Callable[[Answer], bool]) -> Interval:
        return interval(_share(answers, numbers, is_so))

    def named(one: Answer) -> bool:
        return one.decision is Decision.KNOWN

    def unsure(one: Answer) -> bool:
        return one.decision is Decision.UNSURE

    return Told(
        strangers_named=share(others, named),
        strangers_unsure=share(others, unsure),
        own_named=share(own, lambda one: named(one) and one.is_right),
        own_unsure=share(own, unsure),
        own_misnamed=share(own, lambda one: named(one) and not one.is_right),
    )


@dataclass(frozen=True, slots=True)
class ConditionFigures:
    """Visits in one condition, at the settings in use, as shares of all.

    Attributes:
        read: in which the face could be read.
    """

    condition: str
    own_visits: int
    stranger_visits: int
    read: float
    own_named: float
    own_unsure: float
    own_misnamed: float
    strangers_named: float


def in_condition(
    name: str, own: Sequence[Answer], strangers: Sequence[Answer]
) -> ConditionFigures:
    """Sum up the visits of one condition."""
    everybody = [*own, *strangers]

    def share(answers: Sequence[Answer], is_so: Callable[[Answer], bool]) -> float:
        return sum(map(is_so, answers)) / max(1, len(answers))

    def named(one: Answer) -> bool:
        return one.decision is Decision.KNOWN

    return ConditionFigures(
        condition=name,
        own_visits=len(own),
        stranger_visits=len(strangers),
        read=share(everybody, lambda one: one.likeness != NOT_READ),
        own_named=share(own, lambda one: named(one) and one.is_right),
        own_unsure=share(own, lambda one: one.decision is Decision.UNSURE),
        own_misnamed=share(own, lambda one: named(one) and not one.is_right),
        strangers_named=share(strangers, named),
    )
