"""Old bodies go, hashes stay, and everything that was provable is provable still."""

from __future__ import annotations

import base64

import pytest
from audit_house import House

from monitoring.logging import audit_proofs, audit_prune, chain, tree
from monitoring.logging.audit_errors import AuditRefusedError
from monitoring.logging.audit_export import records
from monitoring.logging.audit_verify import TAMPERED, verify
from monitoring.logging.checkpoint import parse


def old_house() -> House:
    """Three files of a month each, and a fourth that has just been begun."""
    house = House()
    log = house.open()
    for month in range(4):
        house.append(log, *(f"{month}-{day}" for day in range(5)))
        log.checkpoint()
        house.clock.wait(days=32)
    house.append(log, "today")
    log.close()
    assert len(house.folder.listing().logs) == 5
    return house


def test_only_files_whose_records_are_all_older_are_pruned() -> None:
    house = old_house()
    done = audit_prune.prune(house.folder, house.clock(), keep_months=2)
    assert [one.records for one in done] == [6, 6]
    report = verify(house.folder)
    assert (report.code, report.pruned, report.findings) == (0, 12, [])
    objects = [record.obj for record in records(house.folder)]
    assert "1-0" not in objects
    assert objects.count("2-0") == 1


def test_pruning_twice_does_nothing_more() -> None:
    house = old_house()
    audit_prune.prune(house.folder, house.clock(), keep_months=2)
    assert audit_prune.prune(house.folder, house.clock(), keep_months=2) == []


@pytest.mark.parametrize(("months", "synced"), [(0, True), (2, False), (24, True)])
def test_nothing_is_pruned_without_reason(months: int, *, synced: bool) -> None:
    house = old_house()
    house.clock.synced = synced
    assert audit_prune.prune(house.folder, house.clock(), months) == []


def test_a_pruned_record_can_be_proved_still_but_not_read() -> None:
    house = old_house()
    wanted = audit_proofs.stored_line(house.folder, 3)
    assert wanted is not None
    audit_prune.prune(house.folder, house.clock(), keep_months=2)
    text, line = audit_proofs.prove_record(house.folder, 3)
    assert line is None
    head, _, note = text.partition("\n\n")
    signed = parse(note)
    proof = [base64.b64decode(node) for node in head.split("\n")[2:]]
    leaf = chain.leaf_hash(wanted)
    tree.check_inclusion(leaf, 3, signed.size, proof, signed.root)


def test_a_changed_hash_is_seen() -> None:
    house = old_house()
    audit_prune.prune(house.folder, house.clock(), keep_months=2)
    name = house.folder.listing().records[0]
    content = bytearray(house.disk.content(house.folder(name)))
    content[40] ^= 1
    house.disk.plant(house.folder(name), bytes(content))
    assert verify(house.folder).code == TAMPERED


def test_a_pruned_log_is_gone_on_with() -> None:
    house = old_house()
    audit_prune.prune(house.folder, house.clock(), keep_months=2)
    log = house.open()
    house.append(log, "more")
    log.close()
    assert verify(house.folder).code == 0


def test_growth_since_a_pruned_time_is_proved() -> None:
    house = old_house()
    sizes = [note.size for note in audit_proofs.all_checkpoints(house.folder)]
    audit_prune.prune(house.folder, house.clock(), keep_months=2)
    text = audit_proofs.prove_growth(house.folder, sizes[0], sizes[-1])
    assert text.startswith(f"old {sizes[0]}\n")
    with pytest.raises(AuditRefusedError):
        audit_proofs.prove_growth(house.folder, 1, sizes[-1] + 1)
