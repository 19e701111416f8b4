"""A hundred rings on a disk that is really full, and not one is untold."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep

from doorbell.runtime.replies import Accepted
from doorbell.runtime.requests import PressRequest
from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RINGS = 100
MOUNT, UMOUNT = shutil.which("mount") or "", shutil.which("umount") or ""

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as one:
        yield one


@pytest.fixture
def step(tmp_path: Path, sink: Sink) -> Iterator[Doorstep]:
    """A doorstep whose state is on a tmpfs of 8 MiB."""
    state = tmp_path / "state"
    state.mkdir()
    mount = [MOUNT, "-t", "tmpfs", "-o", "size=8m", "doorbell-test", str(state)]
    if not MOUNT or os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs root and the right to mount a tmpfs")
    one = Doorstep(tmp_path, sink)
    one.change(f"json://{sink.address}/", f"webhook+http://{sink.address}/bell")
    one.change("merge_s = 0.3", "merge_s = 0.0")
    one.change(f'dir = "{state}"', f'dir = "{state}"\nreserve_kib = 256')
    try:
        yield one
    finally:
        one.kill()
        subprocess.run([UMOUNT, "-l", str(state)], check=True)


def fill_up(folder: Path) -> Path:
    """Write ballast until nothing more fits."""
    ballast = folder / "ballast"
    for chunk in (4096, 1):
        with ballast.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(chunk))
    return ballast


def test_a_hundred_rings_on_a_full_disk_are_all_told(
    step: Doorstep, sink: Sink
) -> None:
    step.start()
    step.ready()
    step.stand("stranger")
    ballast = fill_up(step.state)
    rung = []
    for _ in range(RINGS):
        if len(rung) % 10 == 0:
            fill_up(step.state)  # what was given up in between
        (accepted, *_) = step.ask(PressRequest())
        assert isinstance(accepted, Accepted)
        rung.append(accepted.visit)

    def told() -> set[str]:
        keys = sink.keys()
        return {key.split("-")[0] for key in keys}

    until(lambda: set(rung) <= told(), 20.0, "all told")
    assert len(set(rung)) == RINGS
    assert len(sink.received) == len(sink.keys())
    assert "storage_failed" in step.log.read_text()
    ballast.unlink()
    until(lambda: "storage_recovered" in step.log.read_text(), 10.0, "recovery")
    before = len(sink.received)
    assert step.stop() == 0
    step.start()
    step.ready()
    # Nothing that was told from memory is told again.
    until(lambda: len(step.visits()) > 0, what="visits")
    assert len(sink.received) == before
