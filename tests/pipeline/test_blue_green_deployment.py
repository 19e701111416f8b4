"""Deployments with real environments and processes, and a service manager of ours.

More of them, and the whole drill, are in tests/crash; those on a real systemd in
tests/systemd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from release_world import Repository
from tiny_release import Caller, TinyMachine

from production.deployment.slots import Phase
from production.errors import StepFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[TinyMachine]:
    """A machine on which 1.0.0 runs the door from the blue slot."""
    one = TinyMachine(tmp_path, Repository(tmp_path))
    one.publish("1.0.0")
    try:
        assert one.deploy("1.0.0"), one.said
        yield one
    finally:
        one.close()


def test_a_good_release_takes_the_door_warm_and_stays(machine: TinyMachine) -> None:
    machine.publish("1.1.0")
    with Caller(machine) as caller:
        assert machine.deploy("1.1.0"), machine.said
    assert machine.at_the_door() == "1.1.0"
    assert (machine.state.active, machine.last.warm) == ("green", True)
    assert machine.last.measured["answered"] >= 12
    assert 0 <= machine.last.measured["switch_s"] < 3
    assert caller.longest_s < 1.5
    assert not machine.systemd.show("doorbell@blue.service").is_active


def test_a_bad_release_goes_back_to_the_warm_one_within_seconds(
    machine: TinyMachine,
) -> None:
    machine.publish("1.1.0", "crashes")
    with Caller(machine) as caller:
        assert not machine.deploy("1.1.0")
    assert machine.at_the_door() == "1.0.0"
    assert machine.last.phase is Phase.ROLLED_BACK
    assert caller.longest_s < 5.0
    assert machine.last.who == "anna"
    assert machine.last.why == "a drill"
    assert "green" not in machine.state.versions


def test_a_dry_run_tells_every_step_and_changes_nothing(machine: TinyMachine) -> None:
    machine.publish("1.1.0")
    before = sorted((p, p.stat().st_mtime_ns) for p in machine.folder.rglob("*.json"))
    told = machine.deployer().plan("1.1.0", machine.repository.folder)
    assert len(told) >= 8
    after = sorted((p, p.stat().st_mtime_ns) for p in machine.folder.rglob("*.json"))
    assert before == after


def test_what_cannot_be_recorded_is_not_done(machine: TinyMachine) -> None:
    machine.publish("1.1.0")
    before = machine.state
    deployer = machine.deployer()

    def full(*_: object) -> None:
        msg = "the audit log is full"
        raise StepFailedError(msg)

    deployer._world.record = full
    assert not deployer.deploy("1.1.0", machine.repository.folder)
    assert (machine.state.active, machine.state.versions) == (
        before.active,
        before.versions,
    )
    assert "audit log is full" in machine.last.reason
