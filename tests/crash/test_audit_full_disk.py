"""The audit log's disk is really full: people wait, the bell does not."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep

from doorbell.cli.main import main
from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until
from monitoring.logging.audit_export import records
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOUNT, UMOUNT = shutil.which("mount") or "", shutil.which("umount") or ""

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]


@pytest.fixture
def step(tmp_path: Path) -> Iterator[Doorstep]:
    """A running doorbell whose audit log alone is on a tmpfs of 128 KiB."""
    audit = tmp_path / "state" / "audit"
    audit.mkdir(parents=True)
    mount = [MOUNT, "-t", "tmpfs", "-o", "size=128k", "doorbell-test", str(audit)]
    if not MOUNT or os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs root and the right to mount a tmpfs")
    with Sink() as sink:
        one = Doorstep(tmp_path, sink)
        try:
            one.start()
            one.ready()
            one.enrol("Anna", "anna")
            yield one
        finally:
            with suppress(ProcessLookupError):
                one.kill()
            subprocess.run([UMOUNT, "-l", str(audit)], check=True)


def fill_up(folder: Path) -> Path:
    """Write ballast until nothing more fits."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(512))
    return ballast


def acts(folder: Folder) -> list[str]:
    return [record.act for record in records(folder)]


def test_who_asks_is_refused_and_who_rings_is_told_and_recorded_later(
    step: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Folder(str(step.state / "audit"))
    rename = ["--config", str(step.config), "people", "rename", "Anna", "Anna"]
    ballast = fill_up(step.state / "audit")
    # What fits into the last block of the file may still be recorded.
    until(lambda: main(rename) == 69, 60.0, "a refusal")
    assert "cannot be recorded" in capsys.readouterr().err
    step.press()
    assert step.told()

    ballast.unlink()
    until(lambda: main(rename) == 0, 20.0, "room")
    until(lambda: "push.answered" in acts(folder), 20.0, "what waited")
    assert acts(folder).count("ring.taken") == 1
    assert step.stop() == 0
    assert verify(folder).code == 0
