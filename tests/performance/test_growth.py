"""A doorbell that has had many visitors is no larger than one that had some."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from doorbell.evaluation import growth

if TYPE_CHECKING:
    from pathlib import Path

FULL_VISITS, QUICK_VISITS = 10_000, 600
# The promise, for the full run: its warm-up lasts until every bounded memory is full
# (remembered rings, pages of the database).
FULL_WARM_UP, FULL_PERCENT = 5_000, 1.0
# A quick run ends within the warm-up of the full one, where 2 % is usual (slots of the
# frame ring seen for the first time). One picture kept for each visit (planted: 13 %)
# shows nevertheless, a few hundred bytes do not.
QUICK_WARM_UP, QUICK_PERCENT = 300, 5.0


@pytest.mark.crash
@pytest.mark.timeout(1800)
def test_no_process_grows_with_the_visits_it_has_seen(tmp_path: Path) -> None:
    full = os.environ.get("FULL") == "1"
    visits = FULL_VISITS if full else QUICK_VISITS
    warm_up = FULL_WARM_UP if full else QUICK_WARM_UP
    limit = FULL_PERCENT if full else QUICK_PERCENT
    with growth.busy_door(tmp_path) as trial:
        samples = list(growth.measure(trial, visits))
    grown = growth.growth(samples, warm_up)
    workers = {"button", "audit", "notify", "capture", "vision"}
    assert grown.keys() == {"supervisor", *workers}
    assert {role: by for role, by in grown.items() if by > limit} == {}, samples
