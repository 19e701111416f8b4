"""The journal's files: what a writer leaves and what the next one makes of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.ring_journal import RingJournal, read_rings
from doorbell.core.errors import StorageError
from doorbell.core.journal import RECORD_BYTES, file_bytes
from doorbell.core.stamp import Stamp
from doorbell.ports.journal import JournalError

if TYPE_CHECKING:
    from pathlib import Path

STAMP = Stamp("ab" * 16, 5, 6, synced=False)
SLOTS = 4


def opened(folder: Path) -> RingJournal:
    journal = RingJournal(folder, SLOTS)
    journal.open()
    return journal


def fill(journal: RingJournal, *numbers: int) -> list[int]:
    return [journal.append("gpio", STAMP, f"{n:032x}").seq for n in numbers]


def seqs(folder: Path, after_seq: int = 0) -> list[int]:
    return [ring.seq for ring in read_rings(folder, after_seq).rings]


def file_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.rings"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal"


def test_numbers_go_on_over_files_and_restarts(folder: Path) -> None:
    for life in range(3):
        journal = opened(folder)
        fill(journal, *range(3 * life, 3 * life + 3))
        journal.close()
    assert seqs(folder) == list(range(1, 10))
    journal = opened(folder)
    assert fill(journal, 21, 22) == [10, 11]
    journal.close()
    assert seqs(folder, after_seq=9) == [10, 11]
    assert len(file_names(folder)) == 3


def test_ring_is_read_back_while_the_writer_goes_on(folder: Path) -> None:
    journal = opened(folder)
    written = journal.append("mock", STAMP, "0a" * 16)
    assert read_rings(folder, 0).rings == [written]
    assert read_rings(folder, written.seq).rings == []
    journal.close()


def test_nothing_is_read_where_no_journal_is(folder: Path) -> None:
    assert read_rings(folder, 0).rings == []


def test_second_writer_is_refused(folder: Path) -> None:
    journal = opened(folder)
    with pytest.raises(StorageError, match="another process"):
        RingJournal(folder, SLOTS).open()
    journal.close()
    opened(folder).close()


def test_files_are_made_ahead_in_full_and_private(folder: Path) -> None:
    journal = opened(folder)
    journal.prepare()
    journal.close()
    spare = folder / "spare"
    assert spare.stat().st_size == file_bytes(SLOTS)
    assert spare.stat().st_blocks * 512 >= file_bytes(SLOTS)
    assert folder.stat().st_mode & 0o077 == 0
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}


def test_released_files_go_but_never_the_current_one(folder: Path) -> None:
    journal = opened(folder)
    fill(journal, *range(1, 11))
    journal.release(3)
    assert seqs(folder) == list(range(1, 11))
    journal.release(4)
    assert seqs(folder) == list(range(5, 11))
    journal.release(10)
    assert seqs(folder) == [9, 10]
    assert fill(journal, 77) == [11]
    journal.close()


def test_number_the_hub_has_seen_is_never_given_again(folder: Path) -> None:
    journal = opened(folder)
    journal.release(500)
    assert fill(journal, 1) == [501]
    journal.close()
    assert seqs(folder, after_seq=500) == [501]


def test_torn_tail_is_reported_closed_and_its_number_not_used_again(
    folder: Path,
) -> None:
    journal = opened(folder)
    fill(journal, 1, 2)
    journal.close()
    path = folder / file_names(folder)[0]
    with path.open("r+b") as file:
        file.seek(file_bytes(2))
        file.write(b"DBJR\x01\x00half a ring")
    (note,) = journal.open()
    assert "ring 3 was being written" in note
    assert fill(journal, 4) == [4]
    journal.close()
    assert journal.open() == []
    journal.close()
    assert seqs(folder) == [1, 2, 4]
    assert read_rings(folder, 0).damage == []


@pytest.mark.parametrize("offset", [5, file_bytes(1) + 40])
def test_damage_is_reported_and_new_rings_go_elsewhere(
    folder: Path, offset: int
) -> None:
    journal = opened(folder)
    fill(journal, 1, 2, 3)
    journal.close()
    path = folder / file_names(folder)[0]
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x10
    path.write_bytes(content)
    (note,) = journal.open()
    assert note.startswith("journal file 1:")
    assert fill(journal, 9) == [1 + SLOTS]
    journal.close()
    assert set(seqs(folder)) >= {1, 3, 1 + SLOTS}
    assert bytes(content) == path.read_bytes()


def test_shortened_file_is_reported(folder: Path) -> None:
    journal = opened(folder)
    fill(journal, 1, 2)
    journal.close()
    path = folder / file_names(folder)[0]
    os.truncate(path, file_bytes(1) + RECORD_BYTES // 2)
    reading = read_rings(folder, 0)
    assert [ring.seq for ring in reading.rings] == [1]
    assert "missing" in reading.damage[0]
    journal.open()
    assert fill(journal, 3) == [1 + SLOTS]
    journal.close()


def test_ring_told_twice_under_one_id_is_read_once(folder: Path) -> None:
    journal = opened(folder)
    fill(journal, 1)
    journal.append_late("gpio", STAMP, f"{1:032x}")
    journal.close()
    assert seqs(folder) == [2]


def test_closed_journal_takes_no_ring(folder: Path) -> None:
    with pytest.raises(JournalError, match="not open"):
        fill(RingJournal(folder), 1)


def test_folder_of_somebody_else_is_refused_with_a_hint(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to give a folder away")
    folder.mkdir(parents=True)
    os.chown(folder, 12345, 12345)
    with pytest.raises(StorageError, match="belongs to user 12345") as caught:
        RingJournal(folder).open()
    assert "chown" in caught.value.hint


def test_folder_that_is_a_file_is_a_clear_error(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("not a folder")
    with pytest.raises(StorageError, match="cannot write") as caught:
        RingJournal(folder).open()
    assert caught.value.exit_code == 69


def test_folder_that_cannot_be_read_is_no_empty_journal(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("not a folder")
    with pytest.raises(StorageError, match="cannot read"):
        read_rings(folder, 0)


def test_sector_that_cannot_be_read_hides_one_file_only(folder: Path) -> None:
    journal = opened(folder)
    fill(journal, *range(1, SLOTS + 2))
    journal.close()
    first = folder / file_names(folder)[0]
    first.unlink()
    # A folder in its place fails at the first byte, as a dead sector does.
    first.mkdir()
    reading = read_rings(folder, 0)
    assert [ring.seq for ring in reading.rings] == [SLOTS + 1]
    assert "cannot be read" in reading.damage[0]
    journal.open()
    assert fill(journal, 99) == [2 * SLOTS + 2]
    journal.close()
    assert len(read_rings(folder, 0).damage) == 1


def test_numbers_skipped_for_a_lost_file_leave_no_hole_in_another(
    folder: Path,
) -> None:
    journal = opened(folder)
    fill(journal, *range(1, SLOTS + 1))
    journal.close()
    larger = RingJournal(folder, 100)
    larger.open()
    fill(larger, 50)
    larger.close()
    (folder / file_names(folder)[0]).write_bytes(b"")
    journal.open()
    fill(journal, 51)
    journal.close()
    damage = read_rings(folder, 0).damage
    assert len(damage) == 1
    assert damage[0].startswith("journal file 1:")


def test_folder_open_to_others_is_made_private(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    opened(folder).close()
    assert folder.stat().st_mode & 0o777 == 0o700
