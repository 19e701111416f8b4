"""A disk that is really full: a small tmpfs."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.ring_journal import RingJournal, read_rings
from doorbell.core.errors import StorageError
from doorbell.core.stamp import Stamp
from doorbell.ports.journal import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STAMP = Stamp("ab" * 16, 5, 6, synced=True)
SLOTS = 127

pytestmark = pytest.mark.crash


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "doorbell-test", str(tmp_path)]
    if os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs root and the right to mount a tmpfs")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)  # noqa: S607 - found as any command is


def fill_up(disk: Path) -> Path:
    """Write ballast until nothing more fits."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert shutil.disk_usage(disk).free == 0
    return ballast


def ring(journal: RingJournal, number: int) -> int:
    return journal.append("gpio", STAMP, f"{number:032x}").seq


def test_full_disk_still_takes_the_rings_of_two_files(disk: Path) -> None:
    journal = RingJournal(disk / "journal", SLOTS)
    journal.open()
    journal.prepare()
    ballast = fill_up(disk)
    kept = [ring(journal, n) for n in range(1, 2 * SLOTS + 1)]
    with pytest.raises(JournalError, match="No space left"):
        ring(journal, 999)
    with pytest.raises(JournalError, match="no room ahead"):
        journal.prepare()
    ballast.unlink()
    kept.append(ring(journal, 1000))
    journal.close()
    assert [r.seq for r in read_rings(disk / "journal", 0).rings] == kept
    assert len(set(kept)) == 2 * SLOTS + 1


def test_disk_full_from_the_start_is_a_clear_error_until_there_is_room(
    disk: Path,
) -> None:
    ballast = fill_up(disk)
    journal = RingJournal(disk / "journal", SLOTS)
    with pytest.raises(StorageError, match="No space left") as caught:
        journal.open()
    assert "df -h" in caught.value.hint
    with pytest.raises(JournalError):
        ring(journal, 1)
    ballast.unlink()
    journal.open()
    assert ring(journal, 1) == 1
    journal.close()


def test_read_only_disk_is_a_clear_error(disk: Path) -> None:
    remount = ["mount", "-o", "remount,ro", str(disk)]
    subprocess.run(remount, check=True)
    with pytest.raises(StorageError, match="Read-only"):
        RingJournal(disk / "journal", SLOTS).open()
