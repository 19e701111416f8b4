"""The tree of RFC 6962: its published vectors, and proofs that cannot be bent."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.logging import tree
from monitoring.logging.tree import Frontier, ProofError

# The inputs and roots of the reference tests of Certificate Transparency, which the
# test data of transparency-dev/merkle use too.
INPUTS = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    bytes(range(0x50, 0x58)),
    bytes(range(0x60, 0x70)),
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# index, size, path (transparency-dev/merkle, inclusion and consistency "happy path").
INCLUSION = (
    5,
    8,
    [
        "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=",
        "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=",
        "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
    ],
)
CONSISTENCY = (
    6,
    8,
    [
        "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=",
        "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=",
        "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
    ],
)


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


LEAVES = [leaf(data) for data in INPUTS]


def grown(leaves: list[bytes]) -> Frontier:
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference(size: int) -> None:
    assert tree.root_of(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert Frontier().root() == hashlib.sha256(b"").digest()


def test_proofs_are_those_of_the_reference() -> None:
    index, size, path = INCLUSION
    wanted = [base64.b64decode(node) for node in path]
    assert tree.inclusion_proof(LEAVES[:size], index) == wanted
    old, new, path = CONSISTENCY
    wanted = [base64.b64decode(node) for node in path]
    assert tree.consistency_proof(grown(LEAVES[:old]), LEAVES[old:new]) == wanted


def many(count: int) -> list[bytes]:
    return [leaf(str(number).encode()) for number in range(count)]


# Kills: a split at another power of two, a frontier that forgets a carry.
@given(st.data())
def test_every_leaf_is_proved_and_no_other(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    leaves = many(size)
    proof = tree.inclusion_proof(leaves, index)
    root = tree.root_of(leaves)
    tree.check_inclusion(leaves[index], index, size, proof, root)
    wrong = [
        (leaf(b"other"), index, proof),
        (leaves[index], (index + 1) % (size + 1), proof),
        (leaves[index], index, [*proof, root]),
        (leaves[index], index, proof[:-1] if proof else [root]),
    ]
    for other, place, path in wrong:
        with pytest.raises(ProofError):
            tree.check_inclusion(other, place, size, path, root)


# Kills: a proof from the wrong side, an old tree that is not a beginning of the new.
@given(st.data())
def test_growth_is_proved_and_nothing_else(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 70))
    old = data.draw(st.integers(1, new))
    leaves = many(new)
    before, root = grown(leaves[:old]), tree.root_of(leaves)
    proof = tree.consistency_proof(before, leaves[old:])
    tree.check_consistency(old, new, proof, before.root(), root)
    forged = tree.root_of([leaf(b"forged"), *leaves[1:]])
    with pytest.raises(ProofError):
        tree.check_consistency(old, new, proof, before.root(), forged)
    with pytest.raises(ProofError):
        tree.check_consistency(old, new, [*proof, root], before.root(), root)
    if proof:
        bent = [*proof[:-1], leaf(proof[-1])]
        with pytest.raises(ProofError):
            tree.check_consistency(old, new, bent, before.root(), root)
        with pytest.raises(ProofError):
            tree.check_consistency(old, new, proof[:-1], before.root(), root)


def test_a_smaller_tree_is_never_the_same_log() -> None:
    with pytest.raises(ProofError):
        tree.check_consistency(5, 4, [], tree.root_of(many(5)), tree.root_of(many(4)))


def test_a_frontier_is_resumed_from_its_peaks() -> None:
    leaves = many(100)
    half = grown(leaves[:37])
    resumed = Frontier(37, half.peaks)
    resumed.extend(leaves[37:])
    assert resumed.root() == tree.root_of(leaves)
    with pytest.raises(ProofError):
        Frontier(37, half.peaks[:-1])
