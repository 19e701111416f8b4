"""The deployer is killed, and its disk fails, at every system call that changes it.

After each the timer's `check` finds the machine, and every promise must hold: a whole
slot is active and runs, nothing is left open, and what was reported stays.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import deploy_subject
import pytest
from deploy_subject import NEW, OLD, world_of
from release_world import make_unsigned

from production.deployment.slots import DeployState, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(deploy_subject.__file__)
CALLS = ("openat", "write", "fsync", "rename", "symlink", "unlink", "syncfs", "mkdir")
FAULTS = ("signal=KILL", "error=EIO")
FULL = bool(os.environ.get("FULL"))
# Of the short form: every so manieth point, another set for each fault.
STEP = 1 if FULL else 6
STRACE = shutil.which("strace") or ""

pytestmark = [
    pytest.mark.crash,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not STRACE, reason="strace is not installed"),
]


@dataclass(frozen=True)
class Point:
    """The n-th call of its kind on the deployer's files, and what happens there."""

    call: str
    n: int
    fault: str

    def __str__(self) -> str:
        return f"{self.call} {self.n} {self.fault}"


def prepared(folder: Path) -> Path:
    """A machine whose blue slot runs the old release."""
    for name in ("state", "opt/slots/blue", "run", "daemon"):
        (folder / name).mkdir(parents=True)
    (folder / "opt/slots/blue/whole").write_text("yes")
    (folder / "opt/slots/blue/version").write_text(OLD)
    (folder / "doorbell.toml").write_text(f"""
profile = "development"
[storage]
dir = "{folder}/daemon"
[deploy]
root = "{folder}/opt"
state_dir = "{folder}/state"
run_dir = "{folder}/run"
trial_rings = 3
min_rings = 2
""")
    make_unsigned(folder / "release", NEW, {"tiny_doorbell.py": ""})
    world = world_of(folder)
    world.state.write(DeployState(active="blue", versions={"blue": OLD}))
    world.systemd.start("doorbell@blue.service", 1.0)
    return folder


def watched(folder: Path) -> Iterator[str]:
    """Every name that is changed: strace follows names, not folders."""
    for name in ("deploy.json", "deploy.json.tmp", ""):
        yield str(folder / "state" / name)
    for name in ("", "current", "current.tmp", "slots", "slots/green"):
        yield str(folder / "opt" / name)
    for name in ("version", "whole"):
        yield str(folder / "opt/slots/green" / name)


def run(folder: Path, inject: str = "") -> tuple[str, str]:
    """Deploy with one fault; returns what was said, and the trace."""
    trace = folder / "trace"
    fault = ["-e", f"inject={inject}"] if inject else []
    names = [word for name in watched(folder) for word in ("-P", name)]
    command = [STRACE, "-o", str(trace), "-e", f"trace={','.join(CALLS)}", *fault]
    program = [sys.executable, str(PROGRAM), str(folder), "deploy"]
    done = subprocess.run(
        [*command, *names, *program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PROGRAM.parent)},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.strip(), trace.read_text()


def checked(folder: Path) -> DeployState:
    """The timer comes by, twice: the second time there is nothing to do."""
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, str(PROGRAM), str(folder), "check"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    state = world_of(folder).state.read()
    assert state is not None
    return state


def broken_promises(folder: Path, said: str) -> list[str]:
    state = checked(folder)
    world = world_of(folder)
    slot = world.paths.slot(state.active)
    version = (slot / "version").read_text()
    unit = world.systemd.show(world.paths.unit_of(state.active))
    other = {"blue": "green", "green": "blue"}[state.active]
    rest = world.systemd.show(world.paths.unit_of(other))
    link = str((folder / "opt/current").readlink())
    broken = {
        "a deployment is open": state.deployment is not None,
        "the active slot is not named as whole": state.active not in state.versions,
        "the active slot is not what the state says": version
        != state.versions.get(state.active),
        "nobody is at the door": not unit.is_active or unit.stands_by,
        "both slots run": rest.is_active,
        "the link is wrong": link != f"slots/{state.active}",
        "what was reported does not stay": said == "stays" and version != NEW,
        "what went is at the door": said == "went" and version != OLD,
    }
    return [what for what, is_so in broken.items() if is_so]


def points(trace: str) -> list[Point]:
    counted = Counter(re.findall(r"^(\w+)\(", trace, re.MULTILINE))
    return [
        Point(call, n, fault)
        for fault in FAULTS
        for call in CALLS
        for n in range(1, counted[call] + 1)
    ]


def judged(folder: Path, point: Point) -> tuple[Point, str, list[str]]:
    home = prepared(folder / str(point).replace(" ", "-").replace("=", "-"))
    inject = f"{point.call}:{point.fault}:when={point.n}"
    said, _ = run(home, inject)
    broken = broken_promises(home, said)
    phase = world_of(home).state.read()
    last = phase.history[-1].phase if phase and phase.history else Phase.DISCARDED
    shutil.rmtree(home)
    return point, str(last), broken


def test_no_fault_breaks_a_promise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said, trace = run(prepared(tmp_path / "well"))
    assert said == "stays"
    assert broken_promises(tmp_path / "well", said) == []
    every = points(trace)
    chosen = [p for place, p in enumerate(every) if place % STEP == 0]
    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(lambda point: judged(tmp_path, point), chosen))
    broken = {str(point): what for point, _, what in verdicts if what}
    ends = Counter(end for _, end, _ in verdicts)
    with capsys.disabled():
        print(f"\n{len(chosen)} of {len(every)} points, ended {dict(ends)}")  # noqa: T201 - the figure people ask for
    assert not broken
    assert len(every) > 100
