"""An update that goes back is counted by the version that runs after it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from monitoring.metrics.metrics_collector import MetricsCollector
from monitoring.metrics.update_history import UpdateHistory
from production.deployment.slots import Deployment, DeployState, Phase
from production.deployment.state_file import encode

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 5, 4, 3, 30, tzinfo=UTC)


def ended(number: int, phase: str, minutes_ago: float) -> Deployment:
    when = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    return Deployment(
        *(number, "1.1", "green", "blue", "root", "the timer", when),
        phase=Phase(phase),
        ended=when,
    )


class Machine:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.collector = MetricsCollector(strict=True)
        self.history = UpdateHistory(folder, self.collector)

    def write(self, *deployments: Deployment) -> None:
        # The deployer's own writer, so that the two cannot drift apart.
        content = encode(DeployState(active="blue", history=deployments))
        (self.folder / "deploy.json").write_bytes(content)

    def counted(self) -> dict[str, float]:
        return {
            one.labels["result"]: one.value
            for one in self.collector.samples()
            if one.name == "doorbell_updates_total" and one.value
        }


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_rollback_that_started_us_is_news(machine: Machine) -> None:
    machine.write(ended(1, "committed", 5000.0), ended(2, "rolled_back", 0.5))
    machine.history.read(NOW)
    assert machine.counted() == {}
    machine.history.read(NOW)
    assert machine.counted() == {"rolled_back": 1}
    machine.history.read(NOW)
    assert machine.counted() == {"rolled_back": 1}


def test_what_ended_long_ago_is_not_counted_at_each_start(machine: Machine) -> None:
    machine.write(ended(1, "rolled_back", 20.0))
    for _ in range(3):
        machine.history.read(NOW)
    assert machine.counted() == {}


def test_what_ends_while_we_run_is_counted_without_a_clock(machine: Machine) -> None:
    machine.history.read(None)
    machine.write(ended(1, "discarded", 0.0))
    machine.history.read(None)
    assert machine.counted() == {"discarded": 1}


def test_a_history_cut_at_its_end_counts_nothing_twice(machine: Machine) -> None:
    machine.history.read(NOW)
    machine.write(ended(1, "committed", 3.0), ended(2, "committed", 2.0))
    machine.history.read(NOW)
    machine.write(ended(2, "committed", 2.0), ended(3, "rolled_back", 0.0))
    machine.history.read(NOW)
    assert machine.counted() == {"committed": 2, "rolled_back": 1}


@pytest.mark.parametrize(
    "content", ["", "no JSON", json.dumps({"history": [{"number": "x"}]}), "[]"]
)
def test_a_file_that_says_nothing_is_no_error(machine: Machine, content: str) -> None:
    (machine.folder / "deploy.json").write_text(content)
    machine.history.read(NOW)
    machine.history.read(NOW)
    assert machine.counted() == {}
