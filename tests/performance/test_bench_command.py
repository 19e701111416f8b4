"""`doorbell bench` measures a daemon of its own and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.crash, pytest.mark.timeout(90)]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: below it are sockets, whose paths the kernel cuts at 107 bytes."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="bench-") as name:
        yield Path(name)


def bench(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "doorbell.cli.main", "bench", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
        # A shell's background job ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one call, before any thread
    )


def daemons(folder: Path) -> list[Path]:
    """Processes that were started with a file below the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in words:
            found.append(process)
    return found


def test_rings_are_timed_by_stage_and_judged(folder: Path) -> None:
    process = bench(folder, "rings", "--engine", "fake", "--rings", "3", "--json")
    out, err = process.communicate(timeout=80)
    assert process.returncode == 0, err
    found = json.loads(out.splitlines()[-1])
    assert (found["rings"], found["right"], found["wrong"]) == (3, 3, 0)
    stages = found["stages_ms"]
    assert {stages[name]["count"] for name in ("rung", "decided", "push")} == {3}
    for ends in ("median", "p95"):
        assert 0 < stages["rung"][ends] <= stages["push"][ends]
        assert stages["first push"][ends] <= stages["push"][ends]
    assert daemons(folder) == []


def test_ctrl_c_ends_the_daemon_and_removes_its_folder(folder: Path) -> None:
    process = bench(folder, "idle", "--engine", "fake", "--seconds", "600")
    sockets = "*/state/control.sock"
    until(lambda: list(folder.glob(sockets)), 40.0, "a daemon")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=40)
    assert process.returncode == 130
    assert "interrupted" in err
    assert daemons(folder) == []
    assert list(folder.iterdir()) == []
