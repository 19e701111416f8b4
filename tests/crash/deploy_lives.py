"""Lives of a deployer and its guard on a disk that loses power: explored, not timed.

A life is a deployment with a fate (its code is good, or kills the machine at each
start) and power cuts at calls that change the disk. Everything that decides is the
real code; processes and slots' contents are files of the simulated disk.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from simdisk import File
from simfs import PowerCut, SimFS

from production.deployment.disk import point_link, sync_all_below
from production.deployment.guard import Guard
from production.deployment.paths import Paths
from production.deployment.slots import (
    DeployState,
    Ending,
    Role,
    begin,
    commit,
    recover,
    roll_back,
    staged,
    standing_by,
    switch,
)
from production.deployment.state_file import StateFile, decode, encode

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

FILES = ("python", "doorbell", "wheel")
TRIES = 3
# Boots that are cut off at some call of the guard's or the deployer's; after them come
# some that are cut off between the two.
CUTS = 2
END = Ending("as it happens", "now")


class DeployerDisk(SimFS):
    """A simulated disk with what the deployer needs besides: links and syncfs.

    A link's target is in its entry, as on ext4: it comes with the name or not at all.
    """

    def symlink(self, source: str, path: str) -> None:
        name = posixpath.normpath(os.fspath(path))
        self._mutate("symlink")
        file = self.inode(str(source).encode())
        self._change((), ((name, file),))

    @staticmethod
    def inode(content: bytes) -> File:
        """A link is an inode of its own kind."""
        return File(bytearray(content), content)

    def readlink(self, path: str) -> str:
        return self.content(path).decode()

    def syncfs(self, fd: int) -> None:
        """Everything is on disk."""
        self._handle(fd)
        self._mutate("syncfs")
        for name, file in list(self._names.items()):
            if file is None:
                self._sync_folder(name)
            else:
                file.kept = bytes(file.seen)
                file.dirty.clear()
        self._sync_folder("")


class RealGuard(Guard):
    """The guard; a mutant may do something once the slot's code has started."""

    def after_the_start(self) -> None:
        """Nothing: the guard has done its work."""


@dataclass
class Code:
    """The parts of the deployer that a mutant replaces."""

    guard: type[RealGuard] = RealGuard
    file: type[StateFile] = StateFile
    link: Callable[[DeployerDisk, str, str], None] = point_link
    sync: Callable[[DeployerDisk, str], None] = sync_all_below


@dataclass
class Device:
    """One device: its disk, and what is known of it from outside.

    Attributes:
        reported: the last version that somebody was told is committed.
        starts: of the code of each deployment on trial, by its number.
    """

    seed: int
    code: Code
    deadly: bool
    lock_folder: Path
    disk: DeployerDisk = field(init=False)
    boot: int = 0
    reported: str = "1.0.0"
    starts: dict[int, int] = field(default_factory=dict)
    woken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.disk = DeployerDisk(self.seed)
        self.paths = Paths(self.lock_folder / "opt", self.lock_folder, Path("/nowhere"))
        for slot in ("blue", "green"):
            for name in FILES:
                self.disk.plant(self._file(slot, name), b"")
        self._fill_durably("blue", "1.0.0")
        state = DeployState(active="blue", versions={"blue": "1.0.0"})
        self.disk.plant(self.file().path, encode(state))
        link = str(self.paths.current)
        self.disk._names[link] = self.disk._kept[link] = self.disk.inode(b"slots/blue")

    def file(self) -> StateFile:
        return self.code.file(self.paths.state_dir, self.disk)

    def _file(self, slot: str, name: str) -> str:
        return str(self.paths.slot(slot) / name)

    def _fill_durably(self, slot: str, version: str) -> None:
        for name in FILES:
            self.disk.plant(self._file(slot, name), version.encode())

    def _fill(self, slot: str, version: str) -> None:
        for name in FILES:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            fd = self.disk.open(self._file(slot, name), flags)
            view = memoryview(version.encode())
            while view:
                view = view[self.disk.write(fd, view) :]
            self.disk.close(fd)

    # What runs on it.

    def deploy(self, version: str) -> None:
        """Walk the deployer's steps, as `steps.py` has them."""
        file, boot = self.file(), f"boot-{self.boot}"
        file.update(lambda s: begin(s, version, who="", why="", began="", boot=boot))
        slot = self.state().deployment.slot  # type: ignore[union-attr]
        self._fill(slot, version)
        self.code.sync(self.disk, str(self.paths.slot(slot)))
        file.update(lambda s: staged(s, floor=""))
        file.update(lambda s: standing_by(s, warm=False))
        state = file.update(lambda s: switch(s, tries=TRIES))
        self.code.link(self.disk, f"slots/{state.active}", str(self.paths.current))
        self.start(slot)
        self.prove()

    def prove(self) -> None:
        """The judge: what lives long enough stays, and this is told."""
        if self.state().on_trial is None:
            return
        if self.deadly:
            self.file().update(lambda s: roll_back(s, END))
            return
        state = self.file().update(lambda s: commit(s, END))
        self.reported = state.versions[state.active]

    def start(self, slot: str) -> str:
        """Have systemd start a slot; returns the version that runs, or nothing."""
        guard = self.code.guard(
            self.paths, self.woken.append, f"boot-{self.boot}", lambda: "now", self.disk
        )
        role = guard.ask(slot)
        if role is not Role.ACTIVE:
            return ""
        version = self.run_code(slot)
        guard.after_the_start()
        return version

    def run_code(self, slot: str) -> str:
        trial = self.state_on_disk()
        content = {bytes(self.disk.content(self._file(slot, n))) for n in FILES}
        version = (
            content.pop().decode(errors="replace") if len(content) == 1 else "torn"
        )
        if trial is not None and trial.on_trial is not None:
            number = trial.on_trial.number
            if slot == trial.on_trial.slot:
                self.starts[number] = self.starts.get(number, 0) + 1
                if self.deadly:
                    raise PowerCut
        return version

    def state(self) -> DeployState:
        state = self.file().read()
        assert state is not None
        return state

    def state_on_disk(self) -> DeployState | None:
        return decode(self.disk.content(self.file().path))

    def boots(self, cut: int | None) -> str:
        """Boot: both units are enabled, the guard decides; returns what runs.

        Args:
            cut: the call at which the plug is pulled again; None for not.
        """
        self.boot += 1
        self.disk.reboot()
        if cut is not None:
            self.disk.cut_at(cut)
        self.woken.clear()
        running = [
            version for slot in ("green", "blue") if (version := self.start(slot))
        ]
        for unit in list(self.woken):
            slot = unit.partition("@")[2].partition(".")[0]
            if not running and (version := self.start(slot)):
                running.append(version)
        assert len(running) <= 1, f"both slots run: {running}"
        return running[0] if running else ""

    def takes_up(self) -> None:
        """What the timer does after a boot."""
        state = self.file().update(lambda s: recover(s, END))
        self.code.link(self.disk, f"slots/{state.active}", str(self.paths.current))
        self.prove()


def live(
    seed: int,
    code: Code,
    lock_folder: Path,
    tally: Counter[str],
    *,
    deadly: bool,
) -> Iterator[str]:
    """One life with power cuts; yields each broken promise.

    Args:
        seed: decides where the plug is pulled and what the disk keeps.
        code: the deployer, or a mutant of it.
        lock_folder: a real folder, for the locks.
        tally: counts lives, and points at which the power failed.
        deadly: the release kills the machine whenever it starts.
    """
    device = Device(seed, code, deadly=deadly, lock_folder=lock_folder)
    rng = device.disk.random
    device.disk.cut_at(rng.randrange(64))
    tally["lives"] += 1
    with contextlib.suppress(PowerCut):
        device.deploy("2.0.0")
    pulls = rng.randrange(5)
    for life in range(CUTS + pulls + 6):
        tally["crash points"] += 1
        try:
            running = _boot(
                device,
                cut=rng.randrange(14) if life < CUTS else None,
                pulled=CUTS <= life < CUTS + pulls,
            )
        except PowerCut:
            continue
        except Exception as error:  # noqa: BLE001 - whatever it is, the door is dark
            yield f"the guard failed: {type(error).__name__}: {error}"
            return
        yield from _judged(device, running)
        if device.state().deployment is None:
            break
    else:
        yield "boot after boot, and the deployment is open"
    yield from _at_the_end(device)


def _boot(device: Device, *, cut: int | None, pulled: bool) -> str:
    running = device.boots(cut)
    if pulled:
        raise PowerCut
    device.takes_up()
    return running


def _judged(device: Device, running: str) -> Iterator[str]:
    if running not in ("1.0.0", "2.0.0"):
        yield f"what runs is {running or 'nothing'}"
    if device.reported == "2.0.0" and running != "2.0.0":
        yield "what was reported committed does not run"


def _at_the_end(device: Device) -> Iterator[str]:
    for number, count in device.starts.items():
        if count > TRIES:
            yield f"deployment {number} started {count} times"
    state = device.state()
    if state.deployment is not None:
        yield "a deployment is open for ever"
    version = state.versions.get(state.active, "")
    if device.deadly and version != "1.0.0":
        yield f"a release that kills the machine runs: {version}"
    link = device.disk.readlink(str(device.paths.current))
    if link != f"slots/{state.active}":
        yield f"the link says {link}, the state {state.active}"
