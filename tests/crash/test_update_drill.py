"""Every bad update, each ending as the table in docs/explanation/updates.md says.

Real environments and processes under a service manager of one file; the same drills on
a real systemd are in tests/systemd.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from release_world import Repository, make_wheel
from tiny_release import Caller, TinyMachine, modules

from doorbell.testing.waiting import until
from production.deployment.publish import REQUIREMENTS
from production.deployment.slots import Phase
from production.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.crash, pytest.mark.timeout(90)]

UPDATES = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "updates.md"


@dataclass(frozen=True)
class Drill:
    """What a release does, how its deployment must end, and what is to be said."""

    behaviour: str
    ends: Phase
    says: str


BEHAVIOURS = {
    "good": Drill("good", Phase.COMMITTED, "kept to every limit"),
    "broken import": Drill("broken import", Phase.DISCARDED, "does not start"),
    "starts, then crashes": Drill("crashes", Phase.ROLLED_BACK, "restarted|started as"),
    "hangs": Drill("hangs", Phase.ROLLED_BACK, "watchdog|silent|restarted|started as"),
    "unhealthy": Drill("unhealthy", Phase.ROLLED_BACK, "unready"),
    "slow, 3 times": Drill("slow", Phase.ROLLED_BACK, "with the old release"),
    "20 % errors": Drill("errors", Phase.ROLLED_BACK, "were errors"),
    "migration fails": Drill("migration", Phase.DISCARDED, "did not start"),
}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[TinyMachine]:
    one = TinyMachine(tmp_path, Repository(tmp_path))
    one.publish("1.0.0")
    try:
        assert one.deploy("1.0.0"), one.said
        yield one
    finally:
        one.close()


def ended(machine: TinyMachine, phase: Phase, says: str) -> None:
    """The history tells why, and the old release answers."""
    last = machine.last
    assert last.phase is phase, last
    assert any(part in last.reason for part in says.split("|")), last.reason
    wanted = last.version if phase is Phase.COMMITTED else "1.0.0"
    until(lambda: machine.at_the_door() == wanted, 5.0, f"{wanted} at the door")
    assert machine.state.deployment is None
    assert machine.state.versions[machine.state.active] == wanted


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_release_that_is(machine: TinyMachine, name: str) -> None:
    drill = BEHAVIOURS[name]
    machine.publish("1.1.0", drill.behaviour)
    with Caller(machine) as caller:
        stays = machine.deploy("1.1.0")
    assert stays is (drill.ends is Phase.COMMITTED)
    ended(machine, drill.ends, drill.says)
    # Warm both ways: the door is away for the time of a restart at most.
    assert caller.longest_s < 5.0


@pytest.mark.parametrize("name", ["starts, then crashes", "hangs", "migration fails"])
def test_without_memory_for_both_it_goes_back_cold(
    machine: TinyMachine, name: str
) -> None:
    machine.memory = 0
    drill = BEHAVIOURS[name]
    # A cold start opens the state itself; this one cannot.
    behaviour = "starts never" if drill.behaviour == "migration" else drill.behaviour
    machine.publish("1.1.0", behaviour)
    assert not machine.deploy("1.1.0")
    ended(machine, Phase.ROLLED_BACK, "")
    assert not machine.last.warm


def test_unsigned(machine: TinyMachine) -> None:
    folder = machine.unsigned("1.1.0")
    assert not machine.deploy("1.1.0", folder)
    ended(machine, Phase.DISCARDED, "nothing signed is there")
    assert not machine.deployer(trusts_unsigned=True).deploy("1.1.0", folder)
    ended(machine, Phase.DISCARDED, "development profile")
    machine.write_settings("development")
    assert machine.deployer(trusts_unsigned=True).deploy("1.1.0", folder)


def test_wrong_hash(machine: TinyMachine, tmp_path: Path) -> None:
    wheels = tmp_path / "wrong"
    make_wheel(wheels, "1.1.0", modules("1.1.0", "good"))
    wrong = f"doorbell_edge==1.1.0 --hash=sha256:{'0' * 64}\n"
    (wheels / REQUIREMENTS).write_text(wrong)
    machine.repository.publisher().add("1.1.0", wheels)
    assert not machine.deploy("1.1.0")
    ended(machine, Phase.DISCARDED, "not the one whose hash")


def test_a_wheel_that_was_changed_on_the_mirror(machine: TinyMachine) -> None:
    machine.publish("1.1.0")
    wheel = machine.repository.target("releases/1.1.0/*.whl")
    wheel.write_bytes(wheel.read_bytes()[:-1] + b"!")
    assert not machine.deploy("1.1.0")
    ended(machine, Phase.DISCARDED, "cannot be trusted")


def test_expired_metadata_stops_updates_and_nothing_else(machine: TinyMachine) -> None:
    machine.repository.add("1.1.0", modules("1.1.0", "good"), days_old=15.0)
    assert not machine.deploy("1.1.0")
    ended(machine, Phase.DISCARDED, "expired")


def test_a_clock_that_is_not_synchronised_stops_updates(machine: TinyMachine) -> None:
    machine.synchronised = False
    machine.publish("1.1.0")
    assert not machine.deploy("1.1.0")
    ended(machine, Phase.DISCARDED, "clock")


def test_downgrade(machine: TinyMachine) -> None:
    machine.publish("0.9.0")
    machine.publish("2.0.0", floor="1.5.0")
    assert machine.deploy("2.0.0")
    assert machine.state.floor == "1.5.0"
    assert not machine.deploy("0.9.0")
    assert machine.last.phase is Phase.DISCARDED
    assert "below 1.5.0" in machine.last.reason
    assert machine.at_the_door() == "2.0.0"


def test_disk_full_while_staging(machine: TinyMachine) -> None:
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root")
    slot = machine.paths.slot("green")
    wheels = {"tiny_doorbell.py": "", "ballast.bin": "x" * (64 << 20)}
    slot.parent.mkdir(parents=True, exist_ok=True)
    behaving = modules("1.1.0", "good") | {"ballast.py": wheels["ballast.bin"]}
    machine.repository.add("1.1.0", behaving)
    with small_disk(machine.folder / "opt2", 48):
        moved = machine.folder / "opt2" / "slots"
        moved.mkdir()
        slot.symlink_to(moved / "green")
        assert not machine.deploy("1.1.0")
        ended(machine, Phase.DISCARDED, "No space|cannot be|needs")
        slot.unlink(missing_ok=True)


class small_disk:  # noqa: N801 - a context manager reads as a word
    """A file system of so many MiB in memory."""

    def __init__(self, folder: Path, mib: int) -> None:
        self._folder = folder
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("nothing can be mounted here")

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", str(self._folder)], check=False)  # noqa: S607 - of the system


def test_two_at_once(machine: TinyMachine) -> None:
    machine.publish("1.1.0")
    with machine.world.state.deploying(), pytest.raises(BusyError):
        machine.deploy("1.1.0")
    assert len(machine.state.history) == 1


# The plug, and the deployer killed.


@pytest.mark.parametrize("phase", ["staging", "staged", "standby", "trial"])
def test_power_lost_in(machine: TinyMachine, phase: str) -> None:
    machine.publish("1.1.0")
    deployer = machine.deployer()
    stop_at(deployer, machine, phase)
    machine.systemd.power_cut("boot-2")
    wanted = "1.1.0" if phase == "trial" else "1.0.0"
    until(lambda: machine.at_the_door() == wanted, 5.0, f"{wanted} rings")
    machine.deployer().tend()
    until(lambda: machine.at_the_door() == wanted, 5.0, f"{wanted} rings on")
    last = machine.last
    assert last.phase is (Phase.COMMITTED if phase == "trial" else Phase.DISCARDED)
    if phase != "trial":
        assert "cut off" in last.reason
        assert machine.deploy("1.1.0"), machine.said


class Cut(BaseException):
    """The deployer is gone."""


def stop_at(deployer: object, machine: TinyMachine, phase: str) -> None:
    """Deploy, and vanish right after this phase was noted on disk."""
    world = deployer._world  # type: ignore[attr-defined]
    update = world.state.update

    def watched(step: object) -> object:
        state = update(step)
        if state.deployment is not None and state.deployment.phase == phase:
            raise Cut
        return state

    world.state.update = watched
    with pytest.raises(Cut):
        deployer.deploy("1.1.0", machine.repository.folder)  # type: ignore[attr-defined]


def test_a_kill_right_after_the_commit_leaves_no_second_slot(
    machine: TinyMachine,
) -> None:
    machine.publish("1.1.0")
    deployer = machine.deployer()
    update = deployer._world.state.update

    def watched(step: object) -> object:
        state = update(step)
        if state.history[-1].version == "1.1.0":
            raise Cut
        return state

    deployer._world.state.update = watched
    with pytest.raises(Cut):
        deployer.deploy("1.1.0", machine.repository.folder)
    assert machine.systemd.show("doorbell@blue.service").is_active
    machine.deployer().tend()
    assert not machine.systemd.show("doorbell@blue.service").is_active
    assert machine.at_the_door() == "1.1.0"


def test_a_release_that_dies_at_each_boot_is_left_after_three(
    machine: TinyMachine,
) -> None:
    machine.publish("1.1.0")
    stop_at(machine.deployer(), machine, "trial")
    for boot in range(2, 6):
        machine.systemd.power_cut(f"boot-{boot}")
        until(lambda: bool(machine.at_the_door()), 5.0, "somebody rings")
    assert machine.at_the_door() == "1.0.0"
    starts = machine.systemd.units["green"].starts
    assert starts.count("active") <= 3
    assert machine.last.phase is Phase.ROLLED_BACK
    assert "as often as it may" in machine.last.reason


def test_the_table_says_what_is_tested() -> None:
    text = UPDATES.read_text("utf-8")
    for name, drill in BEHAVIOURS.items():
        line = next(row for row in text.splitlines() if row.startswith(f"| {name} |"))
        assert f"| {drill.ends} |" in line, line
