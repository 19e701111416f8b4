"""How long it takes to find the nearest of many enrolled people."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.faces import Gallery
from doorbell.core.likeness import cosine
from doorbell.evaluation.figures import spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from doorbell.evaluation.figures import Spread

DIMENSIONS = 128
SIZES = (1_000, 100_000)
REPEATS = 21
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class SearchTime:
    """Milliseconds to find the nearest among so many people, one vector each.

    Attributes:
        plain: `face_distance` of face_recognition and its least value; the same
            arithmetic, so that it needs not be installed.
    """

    vectors: int
    ours: Spread
    plain: Spread


def measure() -> list[SearchTime]:
    """Search galleries of random directions."""
    return [_measured(size) for size in SIZES]


def _measured(size: int) -> SearchTime:
    rng = np.random.default_rng(size)
    rows = rng.standard_normal((size, DIMENSIONS), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    probes = rng.standard_normal((REPEATS, DIMENSIONS), np.float32)
    gallery = Gallery([str(number) for number in range(size)], rows)
    doubles = rows.astype(np.float64)
    ours, plain = [], []
    # By turns, so that whatever else the machine does falls on both.
    for probe in probes:
        ours.append(_took(functools.partial(gallery.nearest, probe, cosine)))
        plain.append(_took(functools.partial(_plain, doubles, probe)))
    one, other = spread(ours), spread(plain)
    if one is None or other is None:
        msg = "nothing was measured"
        raise RuntimeError(msg)
    return SearchTime(size, one, other)


def _plain(rows: NDArray[np.float64], probe: NDArray[np.float32]) -> int:
    return int(np.linalg.norm(rows - probe, axis=1).argmin())


def _took(work: Callable[[], object]) -> float:
    began_ns = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began_ns) / NS_PER_MS
