"""Derive an engine's calibration from what strangers come to.

Many houses are drawn from one half of the people; of each size of gallery, the likeness
that a given share of strangers reaches is noted; a curve is laid through all of them.
How uncertain it is, is told by leaving out a tenth of the people at a time, and the
calibration is put two such deviations on the safe side: a stranger named too many is
worse than an enrolled person unsure.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.calibration import Calibration, Household
from doorbell.evaluation.metrics import TooFewError, threshold_at
from doorbell.evaluation.openset import draw_house, gallery_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from doorbell.core.faces import Likeness
    from doorbell.evaluation.openset import House, Rows

GALLERIES = (1, 2, 5, 10, 20, 50, 100)
PHOTOS = (1, 2, 3, 5)
SHARES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
# The rarer half of the events decides; the rest keeps the curve from swinging.
COMMON, COMMON_WEIGHT = 0.05, 0.3
# Two people are hardly a gallery: 200 draws of them are still few events.
SMALL, SMALL_WEIGHT = 5, 0.4
# Enrolled people compared with strangers for each size of gallery.
COMPARED, MOST_DRAWS = 2000, 200
# The deviation is told on galleries as houses have them.
PARTS, TYPICAL = 10, ((5, 3), (20, 3), (100, 3))
# It is told where the daemon works: at rare events.
RARE = (0.005, 0.01, 0.02)
DEVIATIONS = 2.0
CHECKED = ((1, 3), (5, 1), (5, 3), (20, 1), (20, 3), (100, 1), (100, 3))
CHECKED_SHARE, LEAST_DRAWS = 0.01, 40
# The curve's end is laid where it has fallen so far from its top.
_FROM_TOP = 0.25


@dataclass(frozen=True, slots=True)
class Event:
    """A share of strangers reaches a likeness in houses of a size."""

    house: Household
    share: float
    likeness: float


@dataclass(frozen=True, slots=True)
class Derived:
    """A calibration and how sure it is.

    Attributes:
        error: root mean square of how far the curve passes by the events, as natural
            logarithm of the share.
        deviation: of the logarithm of the share, from tenth to tenth of the people.
    """

    calibration: Calibration
    events: int
    error: float
    deviation: float


def best_of_strangers(
    rows: Rows, house: House, likeness: Likeness, min_margin: float
) -> NDArray[np.float64]:
    """Return each stranger's likeness to the nearest person of a house.

    Returns:
        -inf where no face was read, and where the next person is nearer than the margin
        at which anybody is named.
    """
    gallery = gallery_of(rows, house.enrolled)
    probes = [rows[name][index] for name, index in house.strangers]
    read = [row for row in probes if row is not None]
    found = np.full(len(probes), -np.inf)
    if not read:
        return found
    faces = np.stack(read)
    # The other way round, as one call compares one face with many.
    scores = np.sort(np.stack([likeness(one, faces) for one in gallery.centres]), 0)
    best = scores[-1].astype(np.float64)
    if len(scores) > 1:
        best[scores[-1] - scores[-2] < min_margin] = -np.inf
    found[[index for index, row in enumerate(probes) if row is not None]] = best
    return found


def derive(
    rows: Rows,
    likeness: Likeness,
    min_margin: float,
    seed: int,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Derived:
    """Derive a calibration from everybody given.

    Raises:
        TooFewError: there are too few people for any gallery.
    """
    progress(0, PARTS + 1)
    sizes = [(people, photos) for photos in PHOTOS for people in GALLERIES]
    whole = _fit(list(_events(rows, likeness, min_margin, seed, sizes)))
    shifts = []
    for part in range(PARTS):
        some = {name: found for name, found in rows.items() if _part(name) != part}
        shifts.append(
            _shift(whole, list(_events(some, likeness, min_margin, seed, TYPICAL)))
        )
        progress(part + 1, PARTS + 1)
    # The jackknife: what leaving out a tenth changes, scaled to the whole.
    spread = np.array(shifts) - np.mean(shifts)
    deviation = float(np.sqrt((PARTS - 1) / PARTS * (spread**2).sum()))
    a, b, c = whole.calibration.curve
    safe = Calibration(
        curve=(a + DEVIATIONS * deviation, b, c),
        per_person=whole.calibration.per_person,
        per_photo=whole.calibration.per_photo,
        lowest=whole.calibration.lowest,
        highest=whole.calibration.highest,
    )
    return Derived(safe, whole.events, whole.error, deviation)


def _part(name: str) -> int:
    return hashlib.sha256(name.encode()).digest()[2] % PARTS


def _events(
    rows: Rows,
    likeness: Likeness,
    min_margin: float,
    seed: int,
    sizes: Sequence[tuple[int, int]],
) -> Iterator[Event]:
    for people, photos in sizes:
        generator = np.random.default_rng([seed, photos, people])
        draws = min(MOST_DRAWS, -(-COMPARED // people))
        try:
            houses = [draw_house(rows, people, photos, generator) for _ in range(draws)]
        except TooFewError:
            continue
        met = np.concatenate(
            [best_of_strangers(rows, one, likeness, min_margin) for one in houses]
        )
        for share in SHARES:
            line = threshold_at(met, share)
            if np.isfinite(line):
                yield Event(Household(people, photos), share, line)


def _features(events: list[Event]) -> NDArray[np.float64]:
    t = np.array([event.likeness for event in events])
    people = np.array([event.house.people for event in events])
    photos = np.array([event.house.photos for event in events])
    return np.stack([np.ones(len(t)), t, t * t, np.log(people), 1 - 1 / photos], 1)


def _rates(events: list[Event]) -> NDArray[np.float64]:
    """Logarithm of the rate of chances that makes each share."""
    shares = np.array([event.share for event in events])
    return np.asarray(np.log(-np.log1p(-shares)), np.float64)


def _weights(events: list[Event]) -> NDArray[np.float64]:
    rare = np.array([event.share <= COMMON for event in events])
    large = np.array([event.house.people >= SMALL for event in events])
    return np.where(rare, 1.0, COMMON_WEIGHT) * np.where(large, 1.0, SMALL_WEIGHT)


def _fit(events: list[Event]) -> Derived:
    if len(events) < 2 * len(SHARES):
        msg = f"{len(events)} events are too few to lay a curve through"
        raise TooFewError(msg)
    features, rates, weights = _features(events), _rates(events), _weights(events)
    found, *_ = np.linalg.lstsq(
        features * weights[:, None], rates * weights, rcond=None
    )
    a, b, c, per_person, per_photo = (float(number) for number in found)
    lowest = min(event.likeness for event in events)
    highest = max(event.likeness for event in events)
    if c < 0:
        # Left of its top the parabola would rise.
        top = -b / (2 * c)
        lowest = max(lowest, top + _FROM_TOP * (highest - top))
    error = float(np.sqrt(np.mean((features @ found - rates) ** 2)))
    calibration = Calibration((a, b, c), per_person, per_photo, lowest, highest)
    return Derived(calibration, len(events), error, 0.0)


def _shift(whole: Derived, events: list[Event]) -> float:
    """By how much the logarithm of a rare share differs for other people's events."""
    rare = [event for event in events if event.share in RARE]
    if not rare:
        msg = "a tenth of the people left out, too few remain"
        raise TooFewError(msg)
    met = np.array([event.share for event in rare])
    calibration = whole.calibration
    expected = [calibration.strangers_at(one.likeness, one.house) for one in rare]
    return float(np.mean(np.log(met / np.array(expected))))


@dataclass(frozen=True, slots=True)
class Check:
    """What a calibration comes to for other people, at 1 % of strangers named.

    Attributes:
        named: share of strangers' visits named.
        reached: share at or above the line from which a face is unsure.
        deviation: of `named` from house to house.
    """

    people: int
    photos: int
    known_at: float
    unsure_at: float
    named: float
    reached: float
    deviation: float


def check(
    calibration: Calibration,
    rows: Rows,
    likeness: Likeness,
    min_margin: float,
    seed: int,
) -> list[Check]:
    """Draw houses of people that the calibration was not derived on."""
    found = []
    for people, photos in CHECKED:
        generator = np.random.default_rng([seed, photos, people])
        lines = calibration.lines(CHECKED_SHARE, Household(people, photos))
        draws = max(LEAST_DRAWS, COMPARED // people // 5)
        try:
            houses = [draw_house(rows, people, photos, generator) for _ in range(draws)]
        except TooFewError:
            continue
        best = [best_of_strangers(rows, one, likeness, min_margin) for one in houses]
        named = [float((one >= lines.known_at).mean()) for one in best]
        reached = [float((one >= lines.unsure_at).mean()) for one in best]
        found.append(
            Check(
                people=people,
                photos=photos,
                known_at=lines.known_at,
                unsure_at=lines.unsure_at,
                named=float(np.mean(named)),
                reached=float(np.mean(reached)),
                deviation=float(np.std(named)),
            )
        )
    return found
