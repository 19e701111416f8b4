"""How well likenesses tell people apart: rates, thresholds, intervals. Pure.

A *genuine* likeness is between two photographs of one person, an *impostor* one between
photographs of two. A face counts as matched where its likeness is at or above a
threshold. The open-set rates are those of ISO/IEC 19795: TPIR, the share of enrolled
people's visits in which they are named rightly; FPIR, the share of strangers' visits in
which anybody is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

ROUNDING = 1e-9
# 2.5 % on either side.
INTERVAL = (0.025, 0.975)


class TooFewError(BadInputError):
    """There is too little to measure on."""

    hint = "Give more photographs, or ask for smaller galleries."


@dataclass(frozen=True, slots=True)
class Interval:
    """A share, and where it would lie in 95 of 100 repetitions with other people."""

    value: float
    low: float
    high: float


def threshold_at(
    impostor: NDArray[np.floating],
    rate: float,
    weights: NDArray[np.floating] | None = None,
) -> float:
    """Return the lowest threshold that at most a share `rate` of impostors reach.

    It lies just above an impostor's likeness, so that one that is equal to it is out.

    Args:
        impostor: at least one likeness, in any order.
        rate: 0..1.
        weights: how often each counts; None for once each.

    Raises:
        TooFewError: there is none.
    """
    values = np.asarray(impostor, np.float64)
    counts = np.ones(len(values)) if weights is None else np.asarray(weights)
    if counts.sum() <= 0:
        msg = "no threshold without impostors"
        raise TooFewError(msg)
    order = np.argsort(values)[::-1]
    ranked, total = values[order], np.cumsum(counts[order])
    # Room for rounding: 0.29 x 100 is less than 29 in floating point.
    over = np.flatnonzero(total > rate * total[-1] + ROUNDING)
    if not len(over):
        return float("-inf")
    return float(np.nextafter(ranked[over[0]], np.inf))


def share_at(
    likenesses: NDArray[np.floating],
    threshold: float,
    weights: NDArray[np.floating] | None = None,
) -> float:
    """Return the share at or above a threshold; 0 of none."""
    is_over = np.asarray(likenesses, np.float64) >= threshold
    return weighted_share(is_over, weights)


def weighted_share(
    is_so: NDArray[np.bool_], weights: NDArray[np.floating] | None = None
) -> float:
    """Return the share of which something is true; 0 of none."""
    counts = np.ones(len(is_so)) if weights is None else np.asarray(weights)
    total = counts.sum()
    return float(counts[is_so].sum() / total) if total > 0 else 0.0


def tar_at_far(
    genuine: NDArray[np.floating], impostor: NDArray[np.floating], far: float
) -> float:
    """Return the share of genuine pairs accepted where a share `far` of others is."""
    return share_at(genuine, threshold_at(impostor, far))


@dataclass(frozen=True, slots=True)
class Curve:
    """False accepts and misses over all thresholds, from the strictest on.

    Attributes:
        thresholds: falling.
        false: share of impostors at or above each, rising.
        missed: share of genuine below each, falling.
    """

    thresholds: NDArray[np.float64]
    false: NDArray[np.float64]
    missed: NDArray[np.float64]


def error_curve(genuine: NDArray[np.floating], impostor: NDArray[np.floating]) -> Curve:
    """Return the trade-off between the two errors, at each likeness that occurs."""
    both = np.concatenate([genuine, impostor]).astype(np.float64)
    thresholds = np.unique(both)[::-1]
    return Curve(
        thresholds=thresholds,
        false=_shares_from(np.asarray(impostor, np.float64), thresholds),
        missed=1.0 - _shares_from(np.asarray(genuine, np.float64), thresholds),
    )


def _shares_from(
    likenesses: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> NDArray[np.float64]:
    ranked = np.sort(likenesses)
    below = np.searchsorted(ranked, thresholds, side="left")
    return (len(ranked) - below) / max(1, len(ranked))


def equal_error(curve: Curve) -> float:
    """Return the rate at which as many are missed as falsely accepted."""
    nearest = np.argmin(np.abs(curve.false - curve.missed))
    return float((curve.false[nearest] + curve.missed[nearest]) / 2)


def fold_answers(
    likenesses: NDArray[np.floating],
    is_same: NDArray[np.bool_],
    folds: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """Return which pairs are told rightly.

    Each fold is judged at the threshold that is best on all the others: no pair takes
    part in choosing the line that it is judged by.

    Args:
        likenesses: of each pair.
        is_same: whether its two photographs show one person.
        folds: the number of its fold.

    Raises:
        TooFewError: there is but one fold.
    """
    numbers = np.unique(folds)
    if len(numbers) < 2:  # noqa: PLR2004 - one to judge, one to choose by
        msg = f"{len(numbers)} folds: at least two are needed"
        raise TooFewError(msg)
    right = np.zeros(len(folds), bool)
    for number in numbers:
        out = folds == number
        line = best_line(likenesses[~out], is_same[~out])
        right[out] = (likenesses[out] >= line) == is_same[out]
    return right


def best_line(likenesses: NDArray[np.floating], is_same: NDArray[np.bool_]) -> float:
    """Return the threshold at which most pairs are told rightly."""
    values = np.asarray(likenesses, np.float64)
    order = np.argsort(values)
    ranked, same = values[order], is_same[order]
    # Line i: everything from rank i on is called the same; one line calls nothing so.
    wrong_below = np.concatenate([[0], np.cumsum(same)])
    wrong_above = np.concatenate([np.cumsum(~same[::-1])[::-1], [0]])
    errors = (wrong_below + wrong_above).astype(np.float64)
    # Between equal likenesses runs no line.
    errors[1:-1][ranked[1:] == ranked[:-1]] = np.inf
    best = int(np.argmin(errors))
    if best == 0:
        return float(ranked[0])
    if best == len(ranked):
        return float(np.nextafter(ranked[-1], np.inf))
    return float((ranked[best - 1] + ranked[best]) / 2)


@dataclass(frozen=True, slots=True)
class Trial:
    """Visits to one gallery: what the nearest enrolled person's likeness was.

    Attributes:
        likenesses: of enrolled people's visits; -inf where no face was read.
        is_right: whether the nearest is who they are.
        people: whose visits they are, by a number that is the same in all trials.
        strangers: likenesses of strangers' visits.
        stranger_people: whose visits those are.
    """

    likenesses: NDArray[np.float64]
    is_right: NDArray[np.bool_]
    people: NDArray[np.intp]
    strangers: NDArray[np.float64]
    stranger_people: NDArray[np.intp]

    def named_at(
        self, fpir: float, times: NDArray[np.float64] | None = None
    ) -> tuple[float, float]:
        """Count the visits named rightly where `fpir` of strangers' are named.

        Args:
            fpir: 0..1.
            times: how often each person counts, by number; None for once each.

        Returns:
            How many are, and of how many; both 0 where no stranger counts.
        """
        outside = None if times is None else times[self.stranger_people]
        counts = np.ones(len(self.people)) if times is None else times[self.people]
        if outside is not None and not outside.any():
            # A small house to which nobody drawn is a stranger tells nothing.
            return 0.0, 0.0
        line = threshold_at(self.strangers, fpir, outside)
        is_named = (self.likenesses >= line) & self.is_right
        return float(counts[is_named].sum()), float(counts.sum())


def tpir(
    trials: Sequence[Trial], fpir: float, times: NDArray[np.float64] | None = None
) -> float:
    """Return the share of all houses' own visits named rightly, each at its `fpir`.

    Of a small house, a repetition of the bootstrap may draw nobody: it counts by the
    visits that it has.
    """
    counts = [one.named_at(fpir, times) for one in trials]
    whole = sum(every for _, every in counts)
    return sum(named for named, _ in counts) / whole if whole else 0.0


def bootstrap(
    people: int,
    statistic: Callable[[NDArray[np.float64]], float],
    generator: np.random.Generator,
    repetitions: int = 400,
) -> Interval:
    """Return a statistic and its interval, drawing people instead of photographs.

    A person's photographs resemble each other: to take them for independent would make
    the interval far too narrow.

    Args:
        people: how many there are; each has a number below it.
        statistic: is told how often each person was drawn.
        generator: for the draws.
        repetitions: how many.

    Raises:
        TooFewError: there is nobody.
    """
    if people < 1:
        msg = "no interval of nothing"
        raise TooFewError(msg)
    found = []
    for _ in range(repetitions):
        drawn = generator.integers(0, people, people)
        times = np.bincount(drawn, minlength=people).astype(np.float64)
        found.append(statistic(times))
    low, high = np.quantile(found, INTERVAL)
    return Interval(statistic(np.ones(people)), float(low), float(high))
