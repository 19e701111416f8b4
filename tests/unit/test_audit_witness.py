"""A witness: what it signs, what it refuses, and the owner's word."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from audit_house import SIGNER, House
from simfs import SimFS

from monitoring.logging import audit_proofs, checkpoint
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_witness import SIZE_TYPE, Witness, forget

ORIGIN = SIGNER.verifier.name


@pytest.fixture
def memory() -> Folder:
    disk = SimFS()
    disk.plant("memory/.keep", b"")
    return Folder("memory", disk)


@pytest.fixture
def witness(memory: Folder) -> Witness:
    return Witness(memory, "nas", b"w" * 32, [SIGNER.verifier], lambda: 1_700_000_000)


def grown(house: House, *sizes: int) -> list[checkpoint.Checkpoint]:
    """Let a log grow to these sizes and sign each."""
    log = house.open()
    notes = []
    for size in sizes:
        house.append(log, *map(str, range(size - log.size)))
        notes.append(log.checkpoint())
    log.close()
    return notes


def submit(
    witness: Witness, house: House, old: int, note: checkpoint.Checkpoint
) -> tuple[HTTPStatus, str, str, str]:
    proof = audit_proofs.consistency(house.folder, old, note.size)
    answer = witness.add_checkpoint(checkpoint.consistency_text(old, proof, note))
    return answer.status, answer.body, answer.content_type, answer.alarm


def test_growth_is_signed(witness: Witness) -> None:
    house = House()
    first, second = grown(house, 5, 13)
    for old, note in ((0, first), (5, second), (13, second)):
        status, body, _, alarm = submit(witness, house, old, note)
        assert (status, alarm) == (HTTPStatus.OK, "")
        at_s = note.signed_also(body).check_cosigned(witness.verifier)
        assert at_s == 1_700_000_000
    last = witness.last(ORIGIN)
    assert last is not None
    assert last.size == 13


def test_another_size_than_the_last_is_told_the_last(witness: Witness) -> None:
    house = House()
    first, second = grown(house, 5, 13)
    submit(witness, house, 0, first)
    status, body, kind, alarm = submit(witness, house, 0, second)
    assert (status, body, kind) == (HTTPStatus.CONFLICT, "5\n", SIZE_TYPE)
    assert not alarm


def test_another_log_under_the_same_key_is_an_alarm_that_is_kept(
    witness: Witness, memory: Folder
) -> None:
    house, forked = House(), House()
    (first,) = grown(house, 5)
    submit(witness, house, 0, first)
    forked.clock.wait(days=1)
    _, longer = grown(forked, 5, 9)
    status, _, _, alarm = submit(witness, forked, 5, longer)
    assert status is HTTPStatus.UNPROCESSABLE_ENTITY
    assert ORIGIN in alarm
    kept = memory.read("alarms.jsonl")
    assert b"does not begin with" in kept
    last = witness.last(ORIGIN)
    assert last is not None
    assert last.root == first.root


def test_a_log_that_shrank_is_an_alarm(witness: Witness) -> None:
    house = House()
    first, second = grown(house, 5, 13)
    submit(witness, house, 0, second)
    status, body, _, alarm = submit(witness, house, 5, first)
    assert (status, body) == (HTTPStatus.CONFLICT, "13\n")
    assert "13" in alarm


def test_two_trees_of_one_size_are_an_alarm(witness: Witness) -> None:
    house, forked = House(), House()
    forked.clock.wait(days=1)
    (first,) = grown(house, 5)
    (other,) = grown(forked, 5)
    submit(witness, house, 0, first)
    status, _, _, alarm = submit(witness, forked, 5, other)
    assert status is HTTPStatus.CONFLICT
    assert alarm


def test_an_unknown_log_and_an_unknown_key_are_refused(witness: Witness) -> None:
    house = House()
    stranger = checkpoint.Signer("other/log", b"x" * 32)
    note = checkpoint.sign(stranger, 1, b"r" * 32)
    assert submit(witness, house, 0, note)[0] is HTTPStatus.NOT_FOUND
    thief = checkpoint.Signer(ORIGIN, b"x" * 32)
    note = checkpoint.sign(thief, 1, b"r" * 32)
    status, _, _, alarm = submit(witness, house, 0, note)
    assert status is HTTPStatus.FORBIDDEN
    assert alarm


@pytest.mark.parametrize("text", ["", "old 1\n", "old x\n\nnote", "old 9\n\n"])
def test_nonsense_is_refused(witness: Witness, text: str) -> None:
    assert witness.add_checkpoint(text).status is HTTPStatus.BAD_REQUEST


def test_a_restored_log_begins_anew_on_the_owners_word_only(
    witness: Witness, memory: Folder
) -> None:
    house, restored = House(), House()
    (first,) = grown(house, 13)
    submit(witness, house, 0, first)
    restored.clock.wait(days=1)
    (again,) = grown(restored, 5)
    assert submit(witness, restored, 0, again)[0] is HTTPStatus.CONFLICT
    before = forget(memory, ORIGIN)
    assert before is not None
    assert before.size == 13
    assert submit(witness, restored, 0, again)[0] is HTTPStatus.OK
    assert any("before-13" in name for name in memory.disk.listdir("memory"))
