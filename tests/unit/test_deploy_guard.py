"""The guard: what starts, what is counted first, and that the door is never left."""

from __future__ import annotations

import errno
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from production.deployment.disk import KernelDisk
from production.deployment.guard import SKIP, START, USAGE, Guard, main
from production.deployment.paths import Paths, boot_id, find_paths
from production.deployment.slots import (
    DeployState,
    Role,
    begin,
    staged,
    standing_by,
    switch,
)
from production.deployment.state_file import StateFile

if TYPE_CHECKING:
    from pathlib import Path


class BrokenDisk(KernelDisk):
    """A card that cannot be written."""

    def rename(self, source: object, target: object) -> None:
        del source, target
        raise OSError(errno.EROFS, "Read-only file system")

    def open(self, path: object, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith(".tmp"):
            raise OSError(errno.EROFS, "Read-only file system")
        return super().open(path, flags, mode)  # type: ignore[arg-type]


class Device:
    def __init__(self, folder: Path) -> None:
        self.paths = Paths(folder / "opt", folder / "state", folder / "run")
        for slot in ("blue", "green"):
            self.paths.slot(slot).mkdir(parents=True)
        self.paths.state_dir.mkdir()
        self.woken: list[str] = []
        self.file = StateFile(self.paths.state_dir)

    def ask(self, slot: str, disk: KernelDisk | None = None) -> Role:
        guard = Guard(
            self.paths, self.woken.append, "b1", lambda: "now", disk or KernelDisk()
        )
        return guard.ask(slot)

    def options(self, slot: str) -> str:
        return self.paths.options_file(slot).read_text()


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def on_trial(*, warm: bool = False, tries: int = 3) -> DeployState:
    state = DeployState(active="blue", versions={"blue": "1.0.0"})
    state = begin(state, "1.1.0", who="", why="", began="", boot="b1")
    state = standing_by(staged(state, floor=""), warm=warm)
    return switch(state, tries=tries)


def test_a_start_is_counted_on_disk_before_it_is_allowed(device: Device) -> None:
    device.file.write(on_trial())
    assert device.ask("green") is Role.ACTIVE
    state = device.file.read()
    assert state is not None
    assert state.on_trial is not None
    assert state.on_trial.tries == 2


def test_out_of_tries_the_old_slot_is_woken(device: Device) -> None:
    device.file.write(on_trial(tries=1))
    assert device.ask("green") is Role.ACTIVE
    assert device.ask("green") is Role.NOTHING
    assert device.woken == ["doorbell@blue.service"]
    assert device.ask("blue") is Role.ACTIVE
    assert device.paths.current.readlink().name == "blue"


def test_the_options_tell_a_standby_from_the_door(device: Device) -> None:
    device.file.write(on_trial(warm=True))
    assert device.ask("blue") is Role.STANDBY
    assert "DOORBELL_RUN_OPTIONS=--standby\n" in device.options("blue")
    assert device.ask("green") is Role.ACTIVE
    assert "DOORBELL_RUN_OPTIONS=\n" in device.options("green")


def test_what_cannot_be_counted_is_not_started_and_the_door_is_not_left(
    device: Device,
) -> None:
    device.file.write(on_trial())
    assert device.ask("green", BrokenDisk()) is Role.NOTHING
    assert device.woken == ["doorbell@blue.service"]
    assert device.ask("blue", BrokenDisk()) is Role.ACTIVE


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": 9}'])
def test_with_a_damaged_state_the_link_decides(device: Device, content: bytes) -> None:
    device.file.path.write_bytes(content)
    device.paths.current.symlink_to("slots/green")
    assert device.ask("green") is Role.ACTIVE
    assert device.ask("blue") is Role.NOTHING


def test_where_nothing_was_deployed_the_slot_that_is_there_starts(
    device: Device,
) -> None:
    assert device.ask("blue") is Role.ACTIVE


def test_the_link_is_mended_but_never_believed(device: Device) -> None:
    device.file.write(DeployState(active="blue", versions={"blue": "1.0.0"}))
    device.paths.current.symlink_to("slots/green")
    assert device.ask("green") is Role.NOTHING
    assert device.paths.current.readlink().name == "blue"


def test_a_standby_without_its_options_is_not_started(device: Device) -> None:
    device.file.write(on_trial(warm=True))
    device.paths.run_dir.write_text("no folder")
    assert device.ask("blue") is Role.NOTHING
    assert device.ask("green") is Role.ACTIVE


def test_a_boot_is_told_from_another_by_a_mark_in_memory(tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = boot_id(run)
    assert first
    assert boot_id(run) == first
    (run / "boot").write_text("another\n")
    assert boot_id(run) == "another"
    assert [file.name for file in run.iterdir()] == ["boot"]
    assert boot_id(tmp_path / "run" / "boot") == first


def test_the_paths_are_found_while_the_settings_are_broken(tmp_path: Path) -> None:
    file = tmp_path / "doorbell.toml"
    file.write_text("[deploy]\nroot = '/x'\nunknown = 1\n[camera]\nwidth = -1\n")
    assert str(find_paths(str(file), {}).root) == "/x"
    file.write_text("[deploy\n")
    assert find_paths(str(file), {}) == Paths()
    assert str(find_paths(None, {"DOORBELL_DEPLOY__ROOT": "/y"}).root) == "/y"


def test_the_program_answers_by_its_exit_code(
    device: Device, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOORBELL_DEPLOY__ROOT", str(device.paths.root))
    monkeypatch.setenv("DOORBELL_DEPLOY__STATE_DIR", str(device.paths.state_dir))
    monkeypatch.setenv("DOORBELL_DEPLOY__RUN_DIR", str(device.paths.run_dir))
    device.file.write(DeployState(active="blue", versions={"blue": "1.0.0"}))
    assert main(["blue"]) == START
    assert main(["green"]) == SKIP
    assert main(["red"]) == USAGE
    assert main(["--help"]) == START
    assert "ExecCondition" in capsys.readouterr().out


def test_the_guard_loads_next_to_nothing() -> None:
    """It must answer while packages are broken, and a slow card reads little."""
    code = (
        "import sys; import production.deployment.program as p; "
        "p.main(['guard', '--help']); "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in "
        "('msgspec', 'tuf', 'cryptography', 'doorbell', 'config', 'urllib3')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("[]")
