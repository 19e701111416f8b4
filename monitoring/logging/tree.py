"""The Merkle tree of RFC 6962 over the records, and proofs about it.

Pure. A `Frontier` holds the roots of the complete subtrees, at most one a level, which
is all that is needed to grow: 32 bytes for each 1 in the binary form of the size.
Proofs are made from leaf hashes, and checked from nothing but the proof.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()


class ProofError(ValueError):
    """A proof does not prove what it should."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node over its two children."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Frontier:
    """A tree that grows at its right end.

    Args:
        size: how many leaves it has already.
        peaks: roots of its complete subtrees, the largest first; one for each 1 in
            the binary form of `size`.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self._peaks = list(peaks)
        self.size = size
        if len(self._peaks) != size.bit_count():
            msg = f"a tree of {size} leaves has {size.bit_count()} peaks"
            raise ProofError(msg)

    @property
    def peaks(self) -> list[bytes]:
        """Roots of the complete subtrees, the largest first."""
        return list(self._peaks)

    def copy(self) -> Frontier:
        """The same tree, growing on its own."""
        return Frontier(self.size, self._peaks)

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes."""
        sha256, peaks, size = hashlib.sha256, self._peaks, self.size
        for leaf in leaves:
            node, carry = leaf, size
            while carry & 1:
                node = sha256(b"\1" + peaks.pop() + node).digest()
                carry >>= 1
            peaks.append(node)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """Root hash of the tree as it is."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Root hash over leaf hashes."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


def _split(size: int) -> int:
    """Largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Prove that leaf `index` is in the tree over `leaves` (RFC 6962, 2.1.1).

    Raises:
        ProofError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        msg = f"there is no leaf {index} in a tree of {len(leaves)}"
        raise ProofError(msg)
    path: list[bytes] = []
    start, size = 0, len(leaves)
    while size > 1:
        half = _split(size)
        middle, end = start + half, start + size
        if index < middle:
            path.append(root_of(leaves[middle:end]))
            size = half
        else:
            path.append(root_of(leaves[start:middle]))
            start, size = middle, size - half
    return path[::-1]


def consistency_proof(old: Frontier, new_leaves: Sequence[bytes]) -> list[bytes]:
    """Prove that the old tree with `new_leaves` behind it is the new one (2.1.2).

    All that a proof needs of the old tree are its peaks.

    Args:
        old: the tree as it was.
        new_leaves: leaf hashes that came after it.
    """
    if old.size == 0 or not new_leaves:
        return []
    return _subproof(old, new_leaves, 0, old.size + len(new_leaves), whole=True)


def _subproof(
    old: Frontier, new_leaves: Sequence[bytes], start: int, end: int, *, whole: bool
) -> list[bytes]:
    """Prove for the leaves `start` to `end`; `whole`: the old root is known there."""
    if old.size >= end:
        return [] if whole else [_old_node(old, start)]
    middle = start + _split(end - start)
    if old.size <= middle:
        proof = _subproof(old, new_leaves, start, middle, whole=whole)
        right = new_leaves[middle - old.size : end - old.size]
        return [*proof, root_of(right)]
    proof = _subproof(old, new_leaves, middle, end, whole=False)
    return [*proof, _old_node(old, start)]


def _old_node(old: Frontier, start: int) -> bytes:
    """Return the old tree's complete subtree that begins at leaf `start`."""
    place = 0
    for level, peak in zip(_levels(old.size), old.peaks, strict=True):
        if place == start:
            return peak
        place += 1 << level
    msg = f"no complete subtree begins at leaf {start}"
    raise ProofError(msg)


def _levels(size: int) -> list[int]:
    return [n for n in range(size.bit_length() - 1, -1, -1) if size >> n & 1]


def check_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that `leaf` is number `index` of the tree of `size` with this root.

    Raises:
        ProofError: it is not, as far as this proof tells.
    """
    if not 0 <= index < size:
        msg = f"there is no leaf {index} in a tree of {size}"
        raise ProofError(msg)
    node, last, place = leaf, size - 1, index
    for sibling in proof:
        if last == 0:
            msg = "the proof is too long"
            raise ProofError(msg)
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    if last or node != root:
        msg = f"leaf {index} is not in the tree of {size}"
        raise ProofError(msg)


def check_consistency(
    old_size: int,
    new_size: int,
    proof: Sequence[bytes],
    old_root: bytes,
    new_root: bytes,
) -> None:
    """Check that the new tree begins with the whole old one.

    Raises:
        ProofError: it does not, as far as this proof tells.
    """
    if not 0 <= old_size <= new_size:
        msg = f"a tree of {old_size} cannot have become one of {new_size}"
        raise ProofError(msg)
    if old_size in {0, new_size}:
        if proof or (old_size == new_size and old_root != new_root):
            msg = f"two trees of {new_size} leaves differ" if not proof else "a proof"
            raise ProofError(msg)
        return
    old, new = _rebuild(old_size, new_size, proof, old_root)
    if (old, new) != (old_root, new_root):
        msg = f"the tree of {new_size} does not begin with that of {old_size}"
        raise ProofError(msg)


def _rebuild(
    old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes
) -> tuple[bytes, bytes]:
    """Compute both roots from a proof (RFC 9162, 2.1.4.2)."""
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        # The old tree is one complete subtree, so the proof leaves it out.
        path.insert(0, old_root)
    if not path:
        msg = "the proof is empty"
        raise ProofError(msg)
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for node in path[1:]:
        if last == 0:
            msg = "the proof is too long"
            raise ProofError(msg)
        if place & 1 or place == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, node)
        place, last = place >> 1, last >> 1
    if last:
        msg = "the proof is too short"
        raise ProofError(msg)
    return old, new
