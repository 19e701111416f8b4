"""SIGKILL at every write, fsync, rename and send of each process: no ring is lost.

A sample in CI; `FULL=1` tries every point. The table is printed at the end of the
run and left in `.cache/reports/ring-sweep.txt`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep
from sweep import ROLES, Point, Porch, count_points, kill_at, table

from doorbell.testing.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = bool(os.environ.get("FULL"))
# Of each process, in the sample.
SAMPLE = 4
REPORT = Path(__file__).parents[2] / ".cache" / "reports" / "ring-sweep.txt"

pytestmark = [
    pytest.mark.crash,
    pytest.mark.timeout(7200 if FULL else 300),
    pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed"),
]


@pytest.fixture
def porch(tmp_path: Path) -> Iterator[Porch]:
    with Sink() as sink:
        step = Doorstep(tmp_path, sink)
        # A receiver that is told of a ring at once and of the name later, by key.
        step.change(f"json://{sink.address}/", f"webhook+http://{sink.address}/bell")
        step.change("rate_fps = 20.0", "rate_fps = 5.0")
        # This many deaths are the test's, not the doorbell's.
        step.change("backoff_s = 0.1", "backoff_s = 0.05\nbackoff_max_s = 0.1")
        step.change("grace_s = 3.0", "grace_s = 3.0\nbudget = 100")
        step.show("stranger")
        try:
            yield Porch(step)
        finally:
            step.kill()


def chosen(points: list[Point]) -> list[Point]:
    """All points, or some of each process, spread over its calls."""
    if FULL:
        return points
    sample = []
    for role in ROLES:
        mine = [point for point in points if point.role == role]
        sample += mine[:: max(1, len(mine) // SAMPLE)][:SAMPLE]
    return sample


def test_no_kill_loses_a_ring(porch: Porch, tmp_path: Path) -> None:
    porch.ensure_up()
    points = count_points(porch, tmp_path)
    assert {point.role for point in points} == set(ROLES)
    assert porch.settle()
    verdicts = []
    for point in chosen(points):
        verdicts.append(kill_at(porch, point, tmp_path / "trace"))
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        REPORT.write_text(table(points, verdicts) + "\n")
    result = table(points, verdicts)
    assert sum(v.killed for v in verdicts) > len(verdicts) / 2, result
    assert [v.point for v in verdicts if v.lost] == [], result
    assert [v.point for v in verdicts if v.twice] == [], result
    assert [v.point for v in verdicts if v.resends > v.killed] == [], result
