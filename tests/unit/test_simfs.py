"""The simulated disk: what it promises to keep, and that it forgets the rest."""

from __future__ import annotations

import contextlib
import errno
import os

import pytest
from simfs import PowerCut, SimFS

CREATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
FOLDER = os.O_RDONLY | os.O_DIRECTORY


def write(disk: SimFS, path: str, content: bytes) -> int:
    """Write a file and leave it open, unsynced."""
    fd = disk.open(path, CREATE, 0o600)
    view = memoryview(content)
    while view:
        view = view[disk.write(fd, view) :]
    return fd


def sync_folder(disk: SimFS, path: str) -> None:
    fd = disk.open(path, FOLDER)
    disk.fsync(fd)
    disk.close(fd)


def replace(disk: SimFS, content: bytes, calls: set[str]) -> None:
    """Replace `state/file` as a careful program does, less what is left out."""
    fd = write(disk, "state/file.tmp", content)
    if "fsync" in calls:
        disk.fsync(fd)
    disk.close(fd)
    disk.rename("state/file.tmp", "state/file")
    if "folder" in calls:
        sync_folder(disk, "state")


def fates(calls: set[str], cut: int | None = None) -> set[bytes]:
    """Return what a file of two sectors is after a power cut, over many seeds."""
    found = set()
    for seed in range(300):
        disk = SimFS(seed)
        disk.plant("state/file", b"old")
        if cut is not None:
            disk.cut_at(cut)
        with contextlib.suppress(PowerCut):
            replace(disk, b"n" * 1024, calls)
        disk.reboot()
        found.add(disk.content("state/file"))
    return found


def test_what_was_synced_stays() -> None:
    assert fates({"fsync", "folder"}) == {b"n" * 1024}


def test_a_rename_that_was_not_synced_may_be_lost() -> None:
    assert fates({"fsync"}) == {b"old", b"n" * 1024}


def test_a_file_that_was_not_synced_is_torn_under_its_new_name() -> None:
    torn = fates({"folder"})
    assert b"" in torn
    assert any(b"\0" in content for content in torn)
    assert any(0 < len(content) < 1024 for content in torn)


@pytest.mark.parametrize("cut", range(6))
def test_a_careful_program_is_safe_wherever_the_power_fails(cut: int) -> None:
    assert fates({"fsync", "folder"}, cut) <= {b"old", b"n" * 1024}


def test_a_later_write_may_survive_an_earlier_one() -> None:
    seen = set()
    for seed in range(300):
        disk = SimFS(seed)
        fd = disk.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        disk.fsync(fd)
        sync_folder(disk, "")
        disk.write(fd, b"a" * 512)
        disk.write(fd, b"b" * 512)
        disk.reboot()
        seen.add(disk.content("log"))
    assert bytes(512) + b"b" * 512 in seen


def test_a_failed_fsync_loses_what_the_next_one_seems_to_keep() -> None:
    disk = SimFS(1)
    fd = write(disk, "file", b"gone")
    disk.fail("fsync", 0, errno.EIO)
    with pytest.raises(OSError, match="error"):
        disk.fsync(fd)
    assert disk.content("file") == b"gone"
    disk.fsync(fd)
    sync_folder(disk, "")
    disk.reboot()
    assert disk.content("file") == b""


def test_a_folder_that_was_not_synced_takes_its_files_with_it() -> None:
    lost = 0
    for seed in range(100):
        disk = SimFS(seed)
        disk.mkdir("new")
        disk.fsync(write(disk, "new/file", b"x"))
        sync_folder(disk, "new")
        disk.reboot()
        lost += not disk.exists("new/file")
        assert disk.exists("new/file") == disk.exists("new")
    assert 0 < lost < 100


def test_a_full_disk_may_take_a_part_of_a_write() -> None:
    parts = set()
    for seed in range(50):
        disk = SimFS(seed)
        fd = disk.open("file", CREATE)
        disk.fail("write", 0, errno.ENOSPC)
        with pytest.raises(OSError, match="space"):
            disk.write(fd, b"12345")
        parts.add(disk.content("file"))
    assert b"" in parts
    assert b"12" in parts
    assert b"12345" not in parts
