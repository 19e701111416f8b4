"""Deployments that take longer: cold, at once, by the timer, in the audit log."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from release_world import Repository
from tiny_release import TinyMachine

from doorbell.testing.waiting import until
from monitoring.logging.audit_export import records
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_place import AuditPlace
from production.deployment.recorder import AuditRecorder
from production.deployment.slots import Phase
from production.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.crash, pytest.mark.timeout(90)]

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


def test_the_timer_updates_by_itself_and_never_again_to_what_went_back(
    machine: TinyMachine,
) -> None:
    source = f'"{machine.repository.folder}"'
    machine.write_settings(source_url=source, window='""')
    assert "1.0.0 runs" in machine.deployer().tend()
    machine.publish("1.1.0", "unhealthy")
    assert machine.deployer().tend() == "the update failed"
    assert (machine.last.version, machine.last.phase) == ("1.1.0", Phase.ROLLED_BACK)
    assert machine.last.why == "by the timer"
    assert "1.1.0 is offered" in machine.deployer().tend()
    machine.publish("1.2.0")
    assert machine.deployer().tend() == "updated"
    assert machine.at_the_door() == "1.2.0"


def test_the_timer_waits_for_the_clock_and_for_its_window(machine: TinyMachine) -> None:
    source = f'"{machine.repository.folder}"'
    machine.publish("1.1.0")
    machine.write_settings(source_url=source, window='""')
    machine.synchronised = False
    assert "clock" in machine.deployer().tend()
    machine.synchronised = True
    machine.write_settings(source_url=source, window='"00:00-00:00"')
    assert "00:00-00:00" in machine.deployer().tend()
    assert machine.at_the_door() == "1.0.0"


def test_a_slot_that_is_down_by_itself_is_started_and_one_stopped_by_hand_is_not(
    machine: TinyMachine,
) -> None:
    blue = machine.systemd.units["blue"]
    machine.systemd.stop("doorbell@blue.service")
    machine.deployer().tend()
    assert machine.at_the_door() == ""
    blue.result = "exec-condition"
    machine.deployer().tend()
    assert machine.at_the_door() == "1.0.0"


def test_a_writer_that_is_away_delays_no_mending_of_the_door(
    machine: TinyMachine,
) -> None:
    said: list[str] = []
    record = AuditRecorder(machine.settings, said.append)
    record("release.deploy", "uid:0", "1.1.0", "begun", {})
    assert "only in the history" in said[0]
