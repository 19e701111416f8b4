"""What the writer finds when it opens a log, and what `verify` says of it."""

from __future__ import annotations

import contextlib
import errno
import subprocess
import sys
from pathlib import Path, PurePath

import pytest
from audit_house import SIGNER, House
from hypothesis import given
from hypothesis import strategies as st

from monitoring.logging.audit_errors import AuditUnreadableError, AuditUnwritableError
from monitoring.logging.audit_export import records
from monitoring.logging.audit_verify import (
    BEHIND,
    INTACT,
    TAMPERED,
    TORN,
    Trust,
    all_checkpoints,
    verify,
)
from monitoring.logging.checkpoint import Signer

VERIFIER = Path(__file__).parents[2] / "docs" / "verify_audit.py"
LOG = "audit/000000000000.log"


def house_of(count: int = 5, *, signed: bool = True) -> House:
    house = House()
    log = house.open()
    house.append(log, *map(str, range(count)))
    if signed:
        log.checkpoint()
    return house


def acts(house: House) -> list[str]:
    return [record.act for record in records(house.folder)]


SIGNED = house_of(8)
FILES = {name: SIGNED.disk.content(name) for name in SIGNED.disk.files()}


# Kills: a verifier that looks at `prev` only, forgets the last record, trusts the
# number of lines, or compares no checkpoint.
@given(st.data())
def test_no_byte_of_what_was_signed_can_change_unseen(data: st.DataObject) -> None:
    content = bytearray(FILES[LOG])
    start = data.draw(st.integers(0, len(content) - 1))
    gone = data.draw(st.integers(0, 3))
    new = data.draw(st.binary(max_size=3))
    content[start : start + gone] = new
    changed = House()
    for name, old in FILES.items():
        changed.disk.plant(name, bytes(content) if name == LOG else old)
    report = verify(changed.folder)
    assert (report.code == INTACT) == (bytes(content) == FILES[LOG])
    assert report.code in {INTACT, TAMPERED, TORN}
    if report.code == TORN:
        # Only behind what was signed: something was added at the end.
        assert bytes(content).startswith(FILES[LOG])


# Kills: an opening that trusts what it reads, a key or a checkpoint that ends it.
@given(st.data())
def test_whatever_was_done_to_a_log_it_is_gone_on_with(data: st.DataObject) -> None:
    changed = House()
    for name, old in FILES.items():
        content = bytearray(old)
        for _ in range(data.draw(st.integers(0, 2))):
            start = data.draw(st.integers(0, max(len(content) - 1, 0)))
            content[start : start + data.draw(st.integers(0, 400))] = data.draw(
                st.binary(max_size=20)
            )
        changed.disk.plant(name, bytes(content))
    log = changed.open()
    changed.append(log, "afterwards")
    log.close()
    assert verify(changed.folder).code in {INTACT, TAMPERED}
    assert "afterwards" in {record.obj for record in records(changed.folder)}


def test_a_folder_without_a_log_is_no_intact_log() -> None:
    with pytest.raises(AuditUnreadableError):
        verify(House().folder)


@pytest.mark.parametrize("rest", [b'{"v":1,"seq":6,"pre', b"\0" * 700, b"{}\0}\n{}\n"])
def test_a_torn_end_is_told_cut_and_recorded(rest: bytes) -> None:
    house = house_of()
    house.disk.plant(LOG, house.disk.content(LOG) + rest)
    found = verify(house.folder)
    assert (found.code, found.findings[0].kind) == (TORN, "torn")
    assert found.findings[0].seq == 6
    house.open().close()
    assert verify(house.folder).code == INTACT
    repaired = [r for r in records(house.folder) if r.act == "audit.repaired"]
    assert [record.ctx["bytes"] for record in repaired] == [len(rest)]


def test_what_was_signed_is_never_torn() -> None:
    house = house_of()
    house.disk.plant(LOG, house.disk.content(LOG)[:-9])
    assert verify(house.folder).code == TAMPERED


def test_a_tail_with_words_in_it_is_not_torn() -> None:
    house = house_of(signed=False)
    house.disk.plant(LOG, house.disk.content(LOG) + b"forged\n")
    assert verify(house.folder).code == TAMPERED


def test_a_changed_log_is_gone_on_with_and_stays_changed() -> None:
    house = house_of()
    changed = house.disk.content(LOG).replace(b'"obj":"2"', b'"obj":"x"')
    house.disk.plant(LOG, changed)
    log = house.open()
    assert log.fault == "changed"
    house.append(log, "afterwards")
    log.close()
    report = verify(house.folder)
    assert report.code == TAMPERED
    assert report.findings[0].seq == 3
    assert acts(house)[-1] == "test.done"


def test_a_cut_log_is_gone_on_with_and_stays_cut() -> None:
    house = house_of()
    lines = house.disk.content(LOG).splitlines(keepends=True)
    house.disk.plant(LOG, b"".join(lines[:4]))
    log = house.open()
    assert log.fault == "cut"
    log.close()
    kinds = {finding.kind for finding in verify(house.folder).findings}
    assert "cut" in kinds


def test_another_key_is_recorded_by_the_log_and_refused_by_who_knows_the_old() -> None:
    house = house_of()
    log = house.open(Signer("", b"n" * 32))
    log.close()
    assert "key.changed" in acts(house)
    assert verify(house.folder).code == INTACT
    assert verify(house.folder, Trust(SIGNER.verifier)).code == TAMPERED


def test_a_log_without_its_key_is_not_trusted() -> None:
    house = house_of()
    house.disk.unlink("audit/vkey")
    assert verify(house.folder).code == TAMPERED


def test_a_failed_fsync_ends_the_file_and_loses_nothing() -> None:
    house = house_of()
    log = house.open()
    house.disk.fail("fsync", 0, errno.EIO)
    house.append(log, "kept")
    log.close()
    assert verify(house.folder).code == INTACT
    opened = [r for r in records(house.folder) if r.act == "audit.opened"]
    assert [record.ctx["reason"] for record in opened] == ["first", "fsync failed"]
    assert "kept" in [record.obj for record in records(house.folder)]


def test_a_verifier_without_our_code_reads_such_a_log_too(tmp_path: Path) -> None:
    house = house_of()
    log = house.open()
    # Three attempts: the new file fails as well, and then its successor.
    for nth in range(3):
        house.disk.fail("fsync", nth, errno.EIO)
    for name in ("a", "b", "c"):
        with contextlib.suppress(AuditUnwritableError):
            house.append(log, name)
    log.close()
    for name in house.disk.files():
        (tmp_path / PurePath(name).name).write_bytes(house.disk.content(name))
    report = verify(house.folder)
    assert report.code == INTACT
    assert report.files > 1
    done = subprocess.run(
        [sys.executable, str(VERIFIER), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert done.stdout.startswith(f"{report.size} records, root {report.root.hex()}")


def test_a_full_disk_refuses_and_is_forgotten_when_there_is_room() -> None:
    house = house_of()
    log = house.open()
    house.disk.fail("write", 0, errno.ENOSPC)
    with pytest.raises(AuditUnwritableError):
        house.append(log, "refused")
    house.append(log, "kept")
    log.close()
    found = [record.obj for record in records(house.folder)]
    assert "refused" not in found
    assert "kept" in found
    assert verify(house.folder).code == INTACT


def test_a_file_is_rotated_by_size_and_by_age() -> None:
    house = House()
    log = house.open(rotate_bytes=1500)
    for number in range(10):
        house.append(log, str(number))
    count = len(house.folder.listing().logs)
    assert count > 2
    house.clock.wait(days=40)
    house.append(log, "next month")
    assert len(house.folder.listing().logs) == count + 1
    log.close()
    assert verify(house.folder).code == INTACT


def test_a_checkpoint_is_due_by_count_by_time_and_at_once() -> None:
    house = House()
    log = house.open(checkpoint_records=10, checkpoint_s=60.0)
    log.checkpoint()
    assert log.due_s() is None
    house.append(log, "a")
    assert log.due_s() == 60.0
    house.clock.mono_ns += 61 * 10**9
    assert log.due_s() == 0.0
    log.checkpoint()
    house.append(log, *map(str, range(10)))
    assert log.due_s() == 0.0


def test_a_restored_log_says_so_and_the_witness_does_not_take_it() -> None:
    house = house_of(50)
    yesterday = {name: house.disk.content(name) for name in house.disk.files()}
    log = house.open()
    house.append(log, *map(str, range(50)))
    witnessed = log.checkpoint()
    log.close()
    restored = House()
    for name, content in yesterday.items():
        restored.disk.plant(name, content)
    log = restored.open()
    log.restored({"made_at_s": 1})
    log.close()
    assert "audit.restored" in acts(restored)
    assert verify(restored.folder).code == INTACT
    assert verify(restored.folder, Trust(witnessed=witnessed)).code == BEHIND
    house.append(log := restored.open(), *map(str, range(100)))
    log.close()
    assert verify(restored.folder, Trust(witnessed=witnessed)).code == TAMPERED


def test_a_copy_behind_its_witness_is_told_from_an_intact_one() -> None:
    house = house_of(5)
    note = all_checkpoints(house.folder)[-1]
    assert verify(house.folder, Trust(witnessed=note)).code == INTACT
    other = Signer(note.origin, b"o" * 32)
    report = verify(house.folder, Trust(key=other.verifier, witnessed=note))
    assert report.code == TAMPERED
