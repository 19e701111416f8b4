"""Whether a daemon that has had many visits is larger than one that had some."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError
from doorbell.evaluation.figures import growth_percent
from doorbell.evaluation.processes import usage
from doorbell.evaluation.trial import Site, Trial
from doorbell.evaluation.visitors import painted
from doorbell.runtime import replies
from doorbell.runtime import requests as r
from doorbell.runtime.client import open_connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAMPLES = 20
WIDTH, HEIGHT, RATE_FPS = 640, 360, 20.0


@dataclass(frozen=True, slots=True)
class Sample:
    """All processes after so many visits.

    Attributes:
        took_s: since the first ring.
        rss_kib: resident memory by role.
        pids: by role; another one means that a process died meanwhile.
    """

    visits: int
    took_s: float
    rss_kib: dict[str, int]
    pids: dict[str, int]


@contextlib.contextmanager
def busy_door(folder: Path) -> Iterator[Trial]:
    """Start a daemon that takes many rings a second: fakes, and a small picture.

    Args:
        folder: for its state; gone with its owner.
    """
    porch = folder / "porch"
    porch.mkdir()
    company = painted(porch, WIDTH, HEIGHT)
    (porch / "scene.txt").write_text(company.visitors[0].picture)
    site = Site(porch, "console:", "fake", WIDTH, HEIGHT, RATE_FPS)
    with Trial(folder, site) as trial:
        trial.enrol(company.name, company.photos)
        yield trial


def measure(trial: Trial, visits: int) -> Iterator[Sample]:
    """Ring over the control socket, each visit to its end; yields samples.

    Raises:
        UnavailableError: a ring was not answered with its visit.
    """
    every = max(visits // SAMPLES, 1)
    began_s = time.monotonic()
    with open_connection(trial.settings, roles=frozenset()) as connection:
        for number in range(1, visits + 1):
            heard = [reply for reply, _ in connection.ask(r.PressRequest())]
            if not any(isinstance(reply, replies.Visit) for reply in heard):
                msg = f"ring {number} was not answered"
                raise UnavailableError(msg)
            if number % every == 0 or number == visits:
                yield sample(trial, number, time.monotonic() - began_s)


def sample(trial: Trial, visits: int, took_s: float) -> Sample:
    """Read the memory of every process."""
    pids = trial.pids()
    rss_kib = {role: usage(pid).rss_kib for role, pid in pids.items()}
    return Sample(visits, took_s, rss_kib, pids)


def growth(samples: list[Sample], warm_up: int) -> dict[str, float]:
    """Return by how many per cent each process grew after its warm-up.

    Args:
        samples: of one daemon, in order.
        warm_up: visits that do not count.

    Raises:
        UnavailableError: there are no two samples after it, or a process died.
    """
    later = [one for one in samples if one.visits >= warm_up]
    if len({one.visits for one in later}) < 2:  # noqa: PLR2004 - growth needs two
        msg = f"no two samples after {warm_up} visits"
        raise UnavailableError(msg)
    first, last = later[0], later[-1]
    if first.pids != last.pids:
        msg = "a process died meanwhile, so that nothing is known of its growth"
        raise UnavailableError(msg)
    return {
        role: growth_percent(kib, last.rss_kib[role])
        for role, kib in first.rss_kib.items()
    }
