"""Compare faces with the enrolled people and say who is there.

Open set: most faces at a door are strangers, so the nearest person is named only when
near enough, and near enough only counts when nobody else is almost as near.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.decision import Decision, FaceVerdict
from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from doorbell.core.decision import Box

Likeness = Callable[
    ["NDArray[np.float32]", "NDArray[np.float32]"], "NDArray[np.float32]"
]


class EmbeddingError(BadInputError):
    """An embedding is no vector of numbers, or comes from another engine."""

    hint = "Enrol again with the engine in use: `doorbell people list` shows whom."


class OperatingPointError(BadInputError):
    """The thresholds contradict each other."""

    exit_code = 78
    hint = "In [vision], `unsure_at` must not be above `known_at`."


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where an engine draws its lines, all in its own units of likeness.

    Attributes:
        known_at: from here on a face is known.
        unsure_at: from here on it is unsure, below it unknown.
        min_margin: a second person nearer to the first than this makes it unsure.
        comfort: so far beyond a line, one frame settles the matter.
        apart_below: two faces less alike than this are two people, even in one place.
    """

    known_at: float
    unsure_at: float
    min_margin: float
    comfort: float
    apart_below: float

    def __post_init__(self) -> None:
        if not self.unsure_at <= self.known_at:
            msg = f"unsure_at {self.unsure_at} is above known_at {self.known_at}"
            raise OperatingPointError(msg)


@dataclass(frozen=True, slots=True)
class Nearest:
    """The enrolled person most like a face, however unlike.

    Attributes:
        margin: likeness minus that of the nearest other person; None without one.
    """

    person_id: str
    likeness: float
    margin: float | None


class Gallery:
    """Everybody enrolled; a person may own several rows.

    A person is the mean of their rows. With three photographs each, on LFW, 94 % of
    people are named at 1 % of strangers by dlib's network, 89 % where the likest single
    row counts: a stranger has one chance a person, not one a photograph.
    `doorbell evaluate openset` repeats it.
    """

    def __init__(self, person_ids: Sequence[str], rows: NDArray[np.float32]) -> None:
        """Take the rows, shape (len(person_ids), dimensions).

        Raises:
            EmbeddingError: the shape does not fit or a component is no number.
        """
        if rows.ndim != 2 or len(rows) != len(person_ids):  # noqa: PLR2004 - rows x dimensions
            msg = f"{len(person_ids)} people's rows came with shape {rows.shape}"
            raise EmbeddingError(msg)
        if not np.isfinite(rows).all():
            msg = "the gallery holds components that are no numbers"
            raise EmbeddingError(msg)
        self.person_ids = tuple(person_ids)
        self.rows = rows
        self.people, self.centres = _centres(self.person_ids, rows)

    @classmethod
    def empty(cls, dimensions: int) -> Gallery:
        """Return the gallery of a house where nobody is enrolled."""
        return cls((), np.zeros((0, dimensions), np.float32))

    def nearest(self, probe: NDArray[np.float32], likeness: Likeness) -> Nearest | None:
        """Return the person most like `probe`; None when nobody is enrolled.

        Raises:
            EmbeddingError: the probe has other dimensions or is no vector of numbers.
        """
        return self.nearest_of([(probe, 1.0)], likeness)

    def nearest_of(
        self, parts: Sequence[tuple[NDArray[np.float32], float]], likeness: Likeness
    ) -> Nearest | None:
        """Return the person most like several views of one face.

        The likeness is the mean of theirs. That of a mean embedding would be higher,
        for strangers as well: with five poor frames of dlib's, 6.5 instead of 1.1 %
        came over a line drawn for 1 %.

        Args:
            parts: embeddings and their weights, above 0; at least one.
            likeness: of the engine.

        Raises:
            EmbeddingError: one has other dimensions or is no vector of numbers.
        """
        for probe, _ in parts:
            _refuse_odd_probe(probe, self.rows.shape[1])
        if not self.person_ids:
            return None
        each = np.stack([likeness(probe, self.centres) for probe, _ in parts])
        scores = np.average(each, axis=0, weights=[weight for _, weight in parts])
        first = int(scores.argmax())
        best = float(scores[first])
        others = np.delete(scores, first)
        margin = best - float(others.max()) if len(others) else None
        return Nearest(self.people[first], best, margin)

    def without(self, row: int) -> Gallery:
        """Return the gallery as if photograph `row` had not been taken."""
        ids = self.person_ids[:row] + self.person_ids[row + 1 :]
        return Gallery(ids, np.delete(self.rows, row, axis=0))


def _centres(
    owners: tuple[str, ...], rows: NDArray[np.float32]
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Return the people, and the mean of the rows of each."""
    people = tuple(dict.fromkeys(owners))
    number = {owner: index for index, owner in enumerate(people)}
    places = np.array([number[owner] for owner in owners], np.intp)
    sums = np.zeros((len(people), rows.shape[1]))
    np.add.at(sums, places, rows)
    counts = np.bincount(places, minlength=len(people))
    return people, (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)


def _refuse_odd_probe(probe: NDArray[np.float32], dimensions: int) -> None:
    if probe.shape != (dimensions,):
        msg = f"an embedding of shape {probe.shape} met a gallery of {dimensions}"
        raise EmbeddingError(msg)
    if not np.isfinite(probe).all():
        msg = "an embedding holds components that are no numbers"
        raise EmbeddingError(msg)


def decide(nearest: Nearest | None, point: OperatingPoint) -> Decision:
    """Say what the nearest person means; a lookalike makes a known face unsure."""
    if nearest is None or nearest.likeness < point.unsure_at:
        return Decision.UNKNOWN
    is_alone = nearest.margin is None or nearest.margin >= point.min_margin
    if nearest.likeness >= point.known_at and is_alone:
        return Decision.KNOWN
    return Decision.UNSURE


def judge(
    nearest: Nearest | None, point: OperatingPoint, box: Box, note: str = ""
) -> FaceVerdict:
    """Say who a face is.

    Args:
        nearest: from `Gallery.nearest`; None when nobody is enrolled or the face could
            not be read, which is unknown.
        point: where the lines are.
        box: where the face is in the visit's picture.
        note: what was wrong with the picture of it; told only where the answer is
            not *known*.
    """
    decision = decide(nearest, point)
    named = nearest if decision is not Decision.UNKNOWN else None
    return FaceVerdict(
        decision=decision,
        person_id=named.person_id if named else None,
        likeness=nearest.likeness if nearest else None,
        margin=nearest.margin if nearest else None,
        box=box,
        note="" if decision is Decision.KNOWN else note,
    )
