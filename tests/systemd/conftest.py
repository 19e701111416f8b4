"""One Debian for the whole run: booted, installed, and left as a household has it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import pytest
from door import Door
from machine import CACHE, Machine, why_no_machine
from release import make_release, why_no_release

from doorbell.core.decision import Box
from doorbell.testing.faces import Marker, scene

if TYPE_CHECKING:
    from collections.abc import Iterator

REPORT = CACHE.parent / "reports" / "systemd.txt"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Forget what an earlier run measured."""
    del session
    REPORT.unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured."""
    if REPORT.exists():
        terminalreporter.section("measured under systemd")
        terminalreporter.write_line(REPORT.read_text())


@pytest.fixture(scope="session")
def note() -> Iterator[list[str]]:
    """Lines for the end of the run."""
    lines: list[str] = []
    yield lines
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text("\n".join(lines) + "\n")


def paint(folder: Path) -> None:
    """A porch with a visitor whom the fake engine can see."""
    folder.mkdir(parents=True)
    visitor = scene(640, 360, [Marker(240.0, Box(220, 80, 160, 160))])
    cv2.imwrite(str(folder / "visitor.png"), visitor[..., ::-1])


def boot_or_skip(machine: Machine) -> None:
    """Boot for the first time; a sandbox that forbids it is a reason to skip."""
    try:
        machine.up()
    except AssertionError:
        if machine.leader:
            raise
        said = machine.console().strip().splitlines() or ["nothing"]
        pytest.skip(f"systemd-nspawn cannot boot here: {said[-1]}")


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """A booted Debian with nothing of ours."""
    if reason := why_no_machine() or why_no_release():
        pytest.skip(reason)
    # The cache is on a disk that can carry an overlay; a temporary folder may not be.
    folder = CACHE / f"machine-{os.getpid()}"
    for left in CACHE.glob("machine-*"):
        if not Path(f"/proc/{left.name.removeprefix('machine-')}").exists():
            shutil.rmtree(left, ignore_errors=True)
    one = Machine(folder)
    try:
        boot_or_skip(one)
        yield one
    finally:
        one.down()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def door(machine: Machine, note: list[str]) -> Door:
    """The doorbell, installed from a release and running with fake hardware."""
    make_release(machine.folder / "share" / "release")
    paint(machine.folder / "share" / "porch")
    began_s = time.monotonic()
    machine.run("useradd --create-home owner")
    install = "SUDO_USER=owner /mnt/release/install.sh --release /mnt/release"
    machine.run(f"{install} --no-start", 600.0)
    note.append(f"installed in {time.monotonic() - began_s:.1f} s")
    one = Door(machine)
    one.configure()
    machine.run("/mnt/release/install.sh --release /mnt/release", 120.0)
    one.ready()
    return one
