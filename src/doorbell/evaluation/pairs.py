"""Pairs of photographs: one person or two?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from doorbell.evaluation.metrics import (
    Interval,
    TooFewError,
    bootstrap,
    equal_error,
    error_curve,
    fold_answers,
    tar_at_far,
    weighted_share,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from doorbell.core.faces import Likeness
    from doorbell.evaluation.photographs import Pair

    Row = NDArray[np.float32]

FOLDS = 10
FARS = (0.001, 0.01, 0.1)
# A pair with a photograph in which no face was found is never called the same.
UNREAD = -2.0


@dataclass(frozen=True, slots=True)
class PairFigures:
    """What a list of pairs shows.

    Attributes:
        unread: pairs in which a face was not found; they count as told to be two.
        accuracy: mean of the folds, with its interval over people.
        folds: of each fold.
        tar: share of true pairs accepted, by FAR.
    """

    pairs: int
    same: int
    unread: int
    accuracy: Interval
    folds: list[float]
    deviation: float
    equal_error: float
    tar: dict[float, float]


def likenesses(
    pairs: Sequence[Pair], rows: Mapping[Path, Row | None], likeness: Likeness
) -> NDArray[np.float64]:
    """Return how alike the two photographs of each pair are."""
    found = []
    for pair in pairs:
        one, other = rows[pair.one], rows[pair.other]
        if one is None or other is None:
            found.append(UNREAD)
        else:
            found.append(float(likeness(one, other[None, :])[0]))
    return np.array(found)


def measure(pairs: Sequence[Pair], met: NDArray[np.float64], seed: int) -> PairFigures:
    """Sum up the likenesses of a list of pairs.

    Raises:
        TooFewError: there are not pairs of both kinds in abundance.
    """
    same = np.array([pair.is_same for pair in pairs])
    if min(same.sum(), (~same).sum()) < FOLDS:
        msg = f"{same.sum()} true and {(~same).sum()} false pairs are too few"
        raise TooFewError(msg)
    folds = _folds(pairs)
    names = sorted({pair.person for pair in pairs})
    people = np.searchsorted(names, [pair.person for pair in pairs])
    right = fold_answers(met, same, folds)
    by_fold = [float(right[folds == number].mean()) for number in range(FOLDS)]
    generator = np.random.default_rng(seed)
    return PairFigures(
        pairs=len(pairs),
        same=int(same.sum()),
        unread=int((met == UNREAD).sum()),
        accuracy=bootstrap(
            len(names),
            lambda times: weighted_share(right, times[people]),
            generator,
        ),
        folds=by_fold,
        deviation=float(np.std(by_fold)),
        equal_error=equal_error(error_curve(met[same], met[~same])),
        tar={far: tar_at_far(met[same], met[~same], far) for far in FARS},
    )


def _folds(pairs: Sequence[Pair]) -> NDArray[np.intp]:
    """Deal the pairs out in the order of the list, each kind by itself."""
    folds = np.zeros(len(pairs), np.intp)
    for kind in (True, False):
        at = np.array([i for i, pair in enumerate(pairs) if pair.is_same is kind])
        folds[at] = np.arange(len(at)) * FOLDS // len(at)
    return folds
