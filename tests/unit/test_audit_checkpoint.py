"""Checkpoints: the published examples of C2SP, and what is not taken for one."""

from __future__ import annotations

import base64

import pytest

from monitoring.logging import checkpoint
from monitoring.logging.checkpoint import (
    COSIGNATURE,
    Checkpoint,
    CheckpointError,
    Signer,
    Verifier,
)

# The example of golang.org/x/mod/sumdb/note, where signed notes come from.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_TEXT = (
    b"If you think cryptography is the answer to your problem,\n"
    b"then you don't know what your problem is.\n"
)
NEUMANN_SIGNATURE = (
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6K"
    "E6RyyBwJnAM="
)
# The examples of c2sp.org/tlog-cosignature and c2sp.org/tlog-witness.
COSIGNED = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5\
/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dl\
rDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""
SUBMISSION = (
    """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

"""
    + COSIGNED
)
SIGNER = Signer("", b"s" * 32)


def test_the_published_example_of_a_note_verifies() -> None:
    key = Verifier.parse(NEUMANN)
    raw = base64.b64decode(NEUMANN_SIGNATURE)
    assert raw[:4] == key.id
    key.check(NEUMANN_TEXT, raw[4:])
    with pytest.raises(CheckpointError):
        key.check(NEUMANN_TEXT + b"?", raw[4:])
    assert str(key) == NEUMANN


def test_the_published_example_of_a_checkpoint_is_read_and_written() -> None:
    found = checkpoint.parse(COSIGNED)
    assert found.origin == "example.com/behind-the-sofa"
    assert found.size == 20852163
    assert len(found.signatures) == 2
    assert found.note == COSIGNED


def test_the_published_example_of_a_submission_is_read_and_written() -> None:
    old, proof, found = checkpoint.parse_consistency(SUBMISSION)
    assert (old, len(proof), found.size) == (20852014, 4, 20852163)
    assert checkpoint.consistency_text(old, proof, found) == SUBMISSION


def test_the_time_of_the_published_cosignature_is_read() -> None:
    # Its key is not published, so the signature itself cannot be checked.
    found = checkpoint.parse(COSIGNED)
    name, raw = found.signatures[1]
    assert name == "witness.example.com/w1"
    assert int.from_bytes(raw[4:12]) == 1679315147
    assert len(raw) == 4 + 8 + 64


def test_what_is_signed_is_checked_by_the_public_key_alone() -> None:
    signed = checkpoint.sign(SIGNER, 7, b"r" * 32)
    read = checkpoint.parse(signed.note)
    read.check(Verifier.parse(str(SIGNER.verifier)))
    assert (read.size, read.root) == (7, b"r" * 32)


@pytest.mark.parametrize("change", [{"size": 8}, {"root": b"x" * 32}])
def test_another_size_or_root_is_not_signed(change: dict[str, object]) -> None:
    signed = checkpoint.sign(SIGNER, 7, b"r" * 32)
    facts: dict[str, object] = {"size": 7, "root": b"r" * 32} | change
    bent = Checkpoint(signed.origin, **facts, signatures=signed.signatures)  # type: ignore[arg-type] # by name
    with pytest.raises(CheckpointError):
        bent.check(SIGNER.verifier)


def test_another_key_is_not_this_one() -> None:
    other = Signer(SIGNER.verifier.name, b"o" * 32)
    with pytest.raises(CheckpointError):
        checkpoint.sign(other, 7, b"r" * 32).check(SIGNER.verifier)


def test_a_witness_signs_with_the_time() -> None:
    witness = Signer("nas.lan/witness", b"w" * 32, COSIGNATURE)
    signed = checkpoint.sign(SIGNER, 7, b"r" * 32)
    line = checkpoint.cosign(witness, signed, 1_700_000_000)
    both = checkpoint.parse(signed.signed_also(line).note)
    both.check(SIGNER.verifier)
    assert both.check_cosigned(witness.verifier) == 1_700_000_000
    with pytest.raises(CheckpointError):
        signed.check_cosigned(witness.verifier)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "only one line\n",
        COSIGNED.replace("20852163", "020852163"),
        COSIGNED.replace("20852163", "-1"),
        COSIGNED.replace("CsUY", "Cs!Y"),
        COSIGNED.replace("\n\n", "\n"),
        COSIGNED + "more\n",
        COSIGNED + "— x AAAA\n" * 4000,
        COSIGNED.replace("example.com/behind-the-sofa\n2", "a b\n2"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError):
        checkpoint.parse(text)


@pytest.mark.parametrize(
    "text", ["", "PeterNeumann", NEUMANN.replace("c74f", "c74e"), NEUMANN[:-4], "+a+b"]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError):
        Verifier.parse(text)


def test_checkpoints_are_found_behind_one_that_was_cut_off() -> None:
    first, second = (checkpoint.sign(SIGNER, n, b"r" * 32).note for n in (1, 2))
    for end in range(1, len(first)):
        text = f"\n{first[:end]}\n{second}"
        assert [found.size for found in checkpoint.find_all(text)] == [2]
    zeros = f"\n{first}\0\0\0\n{second}"
    assert [found.size for found in checkpoint.find_all(zeros)] == [1, 2]
