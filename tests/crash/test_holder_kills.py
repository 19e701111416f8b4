"""The button holder is killed under a stream of presses: none is lost, none doubled.

A sample in CI; `FULL=1` kills it a hundred times. Presses come with the kernel's stamps
through the mock line; each ring's id tells which press it was.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep
from holder_keeper import HolderKeeper

from doorbell.adapters import journal_files
from doorbell.adapters.clock import SystemClock
from doorbell.core.ring_id import press_id
from doorbell.testing.button import LineFinger, Presser
from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = bool(os.environ.get("FULL"))
KILLS = 100 if FULL else 20
REPORT = Path(__file__).parents[2] / ".cache" / "reports" / "holder-kills.txt"

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600 if FULL else 120)]


@pytest.fixture
def step(tmp_path: Path) -> Iterator[Doorstep]:
    with Sink() as sink:
        one = Doorstep(tmp_path, sink)
        socket = f'source = "mock"\nholder = "{tmp_path}/holder.sock"'
        one.change('source = "mock"', socket)
        # Recognition has nothing to do with it.
        one.change('engine = "fake"', 'engine = "fake"\nanticipate = false')
        yield one
        one.kill()


def journalled(step: Doorstep) -> Counter[str]:
    """Every record on disk: a ring written twice counts twice."""
    files = journal_files.numbered(step.state / "journal")
    scans = [journal_files.read(path) for _, path in files]
    return Counter(record.ring.id for found in scans for record in found.records)


def stored(step: Doorstep) -> int:
    """Rings that the daemon has counted into visits."""
    return sum(visit.rings for visit in step.visits())


def test_no_kill_of_the_holder_loses_or_doubles_a_ring(
    step: Doorstep, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED", "7"))
    chance = random.Random(seed)  # noqa: S311 - when to kill is no secret
    with HolderKeeper(step.config, tmp_path) as keeper:
        keeper.start()
        keeper.ready()
        step.start()
        step.ready()
        line = step.state / "run" / "line.sock"
        presser = Presser(LineFinger(line), seed + 1)
        presser.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.0, 0.9))
            keeper.kill()
            keeper.start()
        keeper.ready()
        presser.stop()
        boot_id = SystemClock().now().boot_id
        wanted = Counter(press_id(boot_id, ns) for ns in presser.presses)
        until(lambda: journalled(step).total() >= wanted.total(), 5.0, "journalled")
        found = journalled(step)
        until(lambda: stored(step) >= found.total(), 20.0, "stored")
        counted = stored(step)
    line = (
        f"{KILLS} kills, {wanted.total()} presses, lost {(wanted - found).total()}, "
        f"doubled {(found - wanted).total()}, counted by the daemon {counted}"
    )
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(line + "\n")
    assert found == wanted, line
    assert counted == wanted.total(), line
