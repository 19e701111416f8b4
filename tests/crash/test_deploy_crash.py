"""Power cuts at every place of a deployment, and mutants that they must find."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from deploy_lives import Code, RealGuard, live

from production.deployment.disk import KernelDisk, read_whole
from production.deployment.slots import Role, Start
from production.deployment.state_file import StateFile, encode

if TYPE_CHECKING:
    from pathlib import Path

    from deploy_lives import DeployerDisk

    from production.deployment.slots import DeployState

pytestmark = [pytest.mark.crash, pytest.mark.timeout(900)]

FULL = bool(os.environ.get("FULL"))
# A life loses its power one to nine times.
POINTS = 100_000 if FULL else 10_000
WITHIN_S = 600.0 if FULL else 45.0
MUTANT_LIVES = 4_000


def broken_promises(code: Code, folder: Path, lives: int) -> list[str]:
    found = []
    for seed in range(lives):
        deadly = seed % 2 == 0
        broken = live(seed, code, folder, Counter(), deadly=deadly)
        found += [f"seed {seed}: {what}" for what in broken]
        if found:
            break
    return found


def test_no_power_cut_breaks_a_promise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally: Counter[str] = Counter()
    began_s = time.monotonic()
    while tally["crash points"] < POINTS and time.monotonic() - began_s < WITHIN_S:
        seed = tally["lives"]
        deadly = seed % 2 == 0
        broken = list(live(seed, Code(), tmp_path, tally, deadly=deadly))
        assert not broken, f"seed {seed}, deadly={deadly}: {broken}"
    with capsys.disabled():
        print(f"\n{dict(tally)} in {time.monotonic() - began_s:.0f} s")  # noqa: T201 - the figure people ask for
    assert tally["crash points"] >= POINTS // 10


class Uncounted(RealGuard):
    """Starts without counting."""

    def _counted(self, file: StateFile, state: DeployState, start: Start) -> Start:
        if start.role is Role.ACTIVE and state.on_trial is not None:
            return start
        return super()._counted(file, state, start)


class CountedAfter(RealGuard):
    """Counts once the code has started."""

    def _counted(self, file: StateFile, state: DeployState, start: Start) -> Start:
        self._later = (file, state, start)
        if start.role is Role.ACTIVE:
            return start
        return super()._counted(file, state, start)

    def after_the_start(self) -> None:
        super()._counted(*self._later)


class NoFolderSync(StateFile):
    """Renames, and leaves the name in memory."""

    def write(self, state: DeployState) -> None:
        temporary = f"{self.path}.tmp"
        fd = self._disk.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        view = memoryview(encode(state))
        while view:
            view = view[self._disk.write(fd, view) :]
        self._disk.fsync(fd)
        self._disk.close(fd)
        self._disk.rename(temporary, str(self.path))


class NoFileSync(StateFile):
    """Renames what may not be on disk yet."""

    def write(self, state: DeployState) -> None:
        temporary = f"{self.path}.tmp"
        fd = self._disk.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        view = memoryview(encode(state))
        while view:
            view = view[self._disk.write(fd, view) :]
        self._disk.close(fd)
        self._disk.rename(temporary, str(self.path))
        folder = self._disk.open(str(self.path.parent), os.O_RDONLY | os.O_DIRECTORY)
        self._disk.fsync(folder)
        self._disk.close(folder)


class InPlace(StateFile):
    """Writes over the file itself."""

    def write(self, state: DeployState) -> None:
        fd = self._disk.open(str(self.path), os.O_WRONLY | os.O_TRUNC)
        view = memoryview(encode(state))
        while view:
            view = view[self._disk.write(fd, view) :]
        self._disk.fsync(fd)
        self._disk.close(fd)


def unlink_and_link(disk: DeployerDisk, target: str, path: str) -> None:
    """For a moment there is no link."""
    disk.unlink(path)
    disk.symlink(target, path)


def no_sync(disk: DeployerDisk, folder: str) -> None:
    """The slot is said to be whole while its bytes are in memory."""
    del disk, folder


MUTANTS = {
    "no counter": Code(guard=Uncounted),
    "counter after the start": Code(guard=CountedAfter),
    "no directory fsync": Code(file=NoFolderSync),
    "no file fsync": Code(file=NoFileSync),
    "written in place": Code(file=InPlace),
    "slot files not synced": Code(sync=no_sync),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_exploration_finds_the_mutant(name: str, tmp_path: Path) -> None:
    assert broken_promises(MUTANTS[name], tmp_path, MUTANT_LIVES), name


def test_the_link_is_never_absent(tmp_path: Path) -> None:
    """The mutant that unlinks and links again leaves a moment without."""
    from deploy_lives import Device, point_link  # noqa: PLC0415 - only here
    from simfs import PowerCut  # noqa: PLC0415 - as above

    def is_ever_absent(change: object) -> bool:
        for cut in range(12):
            for seed in range(40):
                device = Device(seed, Code(), deadly=False, lock_folder=tmp_path)
                link = str(device.paths.current)
                device.disk.cut_at(cut)
                with contextlib.suppress(PowerCut):
                    change(device.disk, "slots/green", link)  # type: ignore[operator]
                device.disk.reboot()
                if not device.disk.exists(link):
                    return True
        return False

    assert not is_ever_absent(point_link)
    assert is_ever_absent(unlink_and_link)


def test_the_kernels_disk_does_what_the_simulated_one_promises(tmp_path: Path) -> None:
    disk = KernelDisk()
    file = StateFile(tmp_path, disk)
    from production.deployment.slots import DeployState  # noqa: PLC0415 - only here

    file.write(DeployState(active="blue", versions={"blue": "1.0.0"}))
    assert read_whole(disk, str(file.path)) == encode(
        DeployState(active="blue", versions={"blue": "1.0.0"})
    )
    assert not (tmp_path / "deploy.json.tmp").exists()
