"""Deployments with real environments and processes, and a service manager of ours.

The drills of the table in docs/explanation/updates.md; what each must end in stands
here once more, and the table is checked against it.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from release_world import Repository
from tiny_release import Caller, TinyMachine

from doorbell.testing.waiting import until
from monitoring.logging.audit_export import records
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_place import AuditPlace
from production.deployment.recorder import AuditRecorder
from production.deployment.slots import Phase
from production.errors import BusyError, StepFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)

WRITER = "monitoring.logging.audit_writer"


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


def test_the_first_release_is_installed_and_stays(machine: TinyMachine) -> None:
    assert machine.at_the_door() == "1.0.0"
    assert machine.state.active == "blue"
    assert machine.last.phase is Phase.COMMITTED
    assert (machine.paths.root / "current").readlink().name == "blue"


def test_a_good_release_takes_the_door_warm_and_stays(machine: TinyMachine) -> None:
    machine.publish("1.1.0")
    with Caller(machine) as caller:
        assert machine.deploy("1.1.0"), machine.said
    assert machine.at_the_door() == "1.1.0"
    assert (machine.state.active, machine.last.warm) == ("green", True)
    assert machine.last.measured["answered"] >= 12
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


def test_too_little_memory_makes_the_switch_cold(machine: TinyMachine) -> None:
    machine.memory = 60_000_000
    machine.publish("1.1.0")
    assert machine.deploy("1.1.0"), machine.said
    assert not machine.last.warm
    assert machine.at_the_door() == "1.1.0"


def test_the_release_before_comes_back_at_the_owners_word(machine: TinyMachine) -> None:
    machine.publish("1.1.0")
    assert machine.deploy("1.1.0")
    assert machine.deployer().rollback()
    assert machine.at_the_door() == "1.0.0"
    assert machine.last.is_return


def test_a_dry_run_tells_every_step_and_changes_nothing(machine: TinyMachine) -> None:
    machine.publish("1.1.0")
    before = sorted((p, p.stat().st_mtime_ns) for p in machine.folder.rglob("*.json"))
    told = machine.deployer().plan("1.1.0", machine.repository.folder)
    assert len(told) >= 8
    after = sorted((p, p.stat().st_mtime_ns) for p in machine.folder.rglob("*.json"))
    assert before == after


def test_a_second_deployment_at_once_is_refused(machine: TinyMachine) -> None:
    machine.publish("1.1.0")
    first = threading.Thread(target=machine.deploy, args=("1.1.0",))
    first.start()
    until(lambda: machine.state.deployment is not None, 10.0, "under way")
    with pytest.raises(BusyError):
        machine.deploy("1.1.0")
    first.join()
    assert machine.at_the_door() == "1.1.0"
    assert len(machine.state.history) == 2


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


def test_who_deploys_is_in_the_audit_log_before_it_is_done(
    machine: TinyMachine,
) -> None:
    machine.publish("1.1.0", "unhealthy")
    writer = subprocess.Popen(
        [sys.executable, "-m", WRITER, "--config", str(machine.config)]
    )
    try:
        socket = AuditPlace.of(machine.settings).socket
        until(socket.exists, 10.0, "the writer listens")
        deployer = machine.deployer()
        deployer._world.record = AuditRecorder(machine.settings, machine.said.append)
        assert not deployer.deploy("1.1.0", machine.repository.folder)
    finally:
        writer.terminate()
        writer.wait(10)
    found = records(Folder(str(AuditPlace.of(machine.settings).folder)))
    told = [(one.act, one.actor, one.obj, one.out) for one in found]
    assert ("release.deploy", "uid:0", "1.1.0", "begun") in told, told
    assert ("release.ended", "uid:0", "1.1.0", "rolled_back") in told, told
