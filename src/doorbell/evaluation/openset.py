"""A house with so many people enrolled, its own visitors, and strangers: drawn anew.

One draw is one house. A visit here is one photograph; visits of several frames are in
`bursts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.decision import Decision
from doorbell.core.faces import Gallery, decide
from doorbell.evaluation.metrics import TooFewError, Trial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from doorbell.core.faces import Likeness, OperatingPoint

    Row = NDArray[np.float32]
    # Of everybody, what was read in each photograph; None where nothing was.
    Rows = Mapping[str, Sequence[Row | None]]


@dataclass(frozen=True, slots=True)
class House:
    """Who is enrolled and who comes, by photograph: person and its number.

    Attributes:
        enrolled: the gallery.
        own: visits of enrolled people, by photographs that are not enrolled.
        strangers: visits of others, one each.
    """

    enrolled: list[tuple[str, int]]
    own: list[tuple[str, int]]
    strangers: list[tuple[str, int]]


def draw_house(
    rows: Rows, people: int, photos: int, generator: np.random.Generator
) -> House:
    """Enrol people at random; everybody else is a stranger.

    Only photographs in which a face was found are enrolled, as `doorbell enrol` would
    refuse the others; visits may well show none.

    Raises:
        TooFewError: there are not so many people with a photograph to spare.
    """
    readable = {
        name: [index for index, row in enumerate(found) if row is not None]
        for name, found in rows.items()
    }
    able = [
        name
        for name, found in rows.items()
        if len(readable[name]) >= photos and len(found) > photos
    ]
    if len(able) < people or len(rows) <= people:
        msg = (
            f"{len(able)} people have more than {photos} photographs, "
            f"{len(rows)} any: too few for a gallery of {people} and strangers"
        )
        raise TooFewError(msg)
    household = {able[i] for i in generator.choice(len(able), people, replace=False)}
    enrolled, own = [], []
    for name in sorted(household):
        chosen = set(generator.choice(readable[name], photos, replace=False).tolist())
        enrolled += [(name, index) for index in sorted(chosen)]
        own += [(name, i) for i in range(len(rows[name])) if i not in chosen]
    strangers = [
        (name, int(generator.integers(len(found))))
        for name, found in rows.items()
        if name not in household
    ]
    return House(enrolled, own, strangers)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one visit was told to be.

    Attributes:
        likeness: to the nearest enrolled person; -inf where no face was read.
        is_right: whether that is who it was.
    """

    person: str
    likeness: float
    is_right: bool
    decision: Decision


NOT_READ = float("-inf")


def answer(
    person: str,
    probe: Row | None,
    gallery: Gallery,
    likeness: Likeness,
    point: OperatingPoint,
) -> Answer:
    """Judge one visit of `person`."""
    nearest = None if probe is None else gallery.nearest(probe, likeness)
    if nearest is None:
        return Answer(person, NOT_READ, is_right=False, decision=Decision.NOBODY)
    return Answer(
        person=person,
        likeness=nearest.likeness,
        is_right=nearest.person_id == person,
        decision=decide(nearest, point),
    )


def gallery_of(rows: Rows, enrolled: Sequence[tuple[str, int]]) -> Gallery:
    """Return the gallery of these photographs."""
    found = [row for name, i in enrolled if (row := rows[name][i]) is not None]
    return Gallery([name for name, _ in enrolled], np.stack(found))


def trial(
    own: Sequence[Answer], strangers: Sequence[Answer], numbers: Mapping[str, int]
) -> Trial:
    """Return the visits to one gallery as the metrics want them.

    Args:
        own: of enrolled people.
        strangers: of others.
        numbers: of everybody.
    """
    return Trial(
        likenesses=np.array([one.likeness for one in own]),
        is_right=np.array([one.is_right for one in own], bool),
        people=np.array([numbers[one.person] for one in own], np.intp),
        strangers=np.array([one.likeness for one in strangers]),
        stranger_people=np.array([numbers[one.person] for one in strangers], np.intp),
    )
