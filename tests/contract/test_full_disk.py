"""The store on a disk that is full or read-only; mounting one needs root."""

from __future__ import annotations

import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from stored import STAMP, VISIT, opened

from doorbell.core.errors import DiskFullError, StorageError
from doorbell.core.ring import Ring
from doorbell.ports.store import VisitRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorbell.adapters.store_sqlite import Store


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        [
            "/usr/bin/mount",
            "-t",
            "tmpfs",
            "-o",
            "size=1m,mode=0700",
            "tmpfs",
            str(folder),
        ],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["/usr/bin/umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def ring_until_full(store: Store, first: int) -> int:
    """Ring until the disk refuses; returns the number of the ring refused."""
    for number in range(first, first + 500):
        try:
            store.open_visit(numbered(number), [], number)
        except DiskFullError:
            return number
    pytest.fail("the disk never filled up")


def numbered(number: int) -> VisitRecord:
    ring = Ring(number, f"{number:032x}", "gpio", STAMP)
    return VisitRecord(ring.id, ring, 1, "rung", {})


def test_a_ring_on_a_full_disk_is_stored_after_making_room(small_disk: Path) -> None:
    with closing(opened(small_disk)) as store:
        store.open_visit(numbered(1), [], 1)
        fill(small_disk)
        refused = ring_until_full(store, 2)
        assert store.cursor() == refused - 1
        assert store.visit(numbered(refused).id) is None
        with pytest.raises(DiskFullError):
            store.save_picture(numbered(1).id, bytes(1 << 20))
        assert store.make_room()
        assert not (small_disk / "reserve").exists()
        store.open_visit(numbered(refused), [], refused)
        (small_disk / "filler").unlink()
        store.prune(STAMP)
        assert (small_disk / "reserve").exists()
    with closing(opened(small_disk)) as store:
        assert store.cursor() == refused
        assert len(store.visits(1000)) == refused


def test_old_pictures_make_room_when_the_reserve_is_gone(small_disk: Path) -> None:
    with closing(opened(small_disk)) as store:
        for number in (1, 2):
            visit_id = f"{number:032x}"
            ring = Ring(number, visit_id, "gpio", STAMP)
            store.close_visit(VisitRecord(visit_id, ring, 1, "decided", {}), [])
            store.save_picture(visit_id, bytes(100_000))
        fill(small_disk)
        assert store.make_room()
        fill(small_disk)
        assert store.make_room()
        assert store.picture(f"{1:032x}") is None
        assert store.picture(f"{2:032x}") == bytes(100_000)
        store.record_gap([VISIT.ring])


def test_a_full_disk_at_start_costs_the_reserve_only(small_disk: Path) -> None:
    opened(small_disk).close()
    fill(small_disk)
    with closing(opened(small_disk)) as store:
        try:
            store.open_visit(VISIT, [], 1)
        except DiskFullError:
            assert store.make_room()
            store.open_visit(VISIT, [], 1)
        assert store.cursor() == 1


def test_a_disk_with_no_room_at_all_is_a_clear_error(small_disk: Path) -> None:
    fill(small_disk)
    for _ in range(2):
        with pytest.raises(DiskFullError) as refused:
            opened(small_disk)
        assert refused.value.hint
    (small_disk / "filler").unlink()
    opened(small_disk).close()


def test_a_read_only_disk_is_a_clear_error(small_disk: Path) -> None:
    def remount(option: str) -> None:
        command = ["/usr/bin/mount", "-o", f"remount,{option}", str(small_disk)]
        subprocess.run(command, check=True)

    with closing(opened(small_disk)) as store:
        store.open_visit(VISIT, [], 1)
    remount("ro")
    with pytest.raises(StorageError) as refused:
        opened(small_disk)
    assert refused.value.hint
    remount("rw")
    with closing(opened(small_disk)) as store:
        assert store.cursor() == 1
