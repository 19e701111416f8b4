"""Proofs about the log for people who have no access to it.

A consistency proof needs only the files from the older size on, since each file names
the tree before it; an inclusion proof needs the hashes of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.logging import chain, checkpoint, tree
from monitoring.logging.audit_errors import AuditRefusedError, AuditUnreadableError
from monitoring.logging.audit_files import HASHES
from monitoring.logging.audit_files import split as split_lines
from monitoring.logging.audit_opening import read_opening
from monitoring.logging.audit_verify import all_checkpoints
from monitoring.logging.tree import HASH_BYTES, Frontier

if TYPE_CHECKING:
    from monitoring.logging.audit_files import Folder, Name
    from monitoring.logging.checkpoint import Checkpoint


def leaves_from(folder: Folder, first: Name, size: int) -> list[bytes]:
    """Leaf hashes from the first record of a file up to a size of the tree.

    Raises:
        OSError: a file cannot be read.
        AuditUnreadableError: records are missing; `verify` says which.
    """
    names = [name for name in folder.listing().records if name >= first]
    leaves: list[bytes] = []
    for place, name in enumerate(names):
        at = first.first + len(leaves)
        end = names[place + 1].first if place + 1 < len(names) else size
        wanted = min(end, size) - at
        if wanted <= 0:
            continue
        found = _hashes(folder, name)[:wanted]
        if name.first != at or len(found) < wanted:
            msg = f"records from {at + len(found)} on are missing"
            hint = "`doorbell audit verify` says what happened."
            raise AuditUnreadableError(msg, hint=hint)
        leaves += found
    return leaves


def _hashes(folder: Folder, name: Name) -> list[bytes]:
    content = folder.read(name)
    if name.kind == HASHES:
        ends = range(0, len(content), HASH_BYTES)
        return [content[at : at + HASH_BYTES] for at in ends]
    return [chain.leaf_hash(line) for line in split_lines(content)[0]]


def tree_at(folder: Folder, size: int) -> tuple[Frontier, Name]:
    """The tree as it was at a size, and the file in which it ended.

    Raises:
        AuditUnreadableError: records are missing.
    """
    before = [name for name in folder.listing().records if name.first <= size]
    if not before:
        msg = f"the log has no records up to {size}"
        raise AuditUnreadableError(msg)
    # The newest try that holds something: an earlier one may never have begun.
    for name in reversed(before):
        frontier = _tree_before(folder, name)
        if frontier is not None:
            frontier.extend(leaves_from(folder, name, size))
            return frontier, name
    msg = f"no file up to record {size} can be read"
    raise AuditUnreadableError(msg)


def _tree_before(folder: Folder, name: Name) -> Frontier | None:
    if name.first == 0:
        return Frontier()
    if name.kind == HASHES:
        return None
    lines, _ = split_lines(folder.read(name))
    try:
        return read_opening(lines[0]).frontier
    except (chain.RecordError, IndexError):
        return None


def consistency(folder: Folder, old_size: int, new_size: int) -> list[bytes]:
    """Prove that the tree of `new_size` begins with that of `old_size`.

    Raises:
        AuditRefusedError: there are no such sizes.
        AuditUnreadableError: records are missing.
    """
    if not 0 <= old_size <= new_size:
        msg = f"{old_size} and {new_size} are no two sizes of a growing log"
        raise AuditRefusedError(msg)
    if old_size == 0:
        return []
    old, name = tree_at(folder, old_size)
    new_leaves = leaves_from(folder, name, new_size)[old_size - name.first :]
    return tree.consistency_proof(old, new_leaves)


def checkpoint_over(folder: Folder, size: int) -> Checkpoint:
    """The first checkpoint that covers so many records.

    Raises:
        AuditRefusedError: none does yet.
    """
    for note in all_checkpoints(folder):
        if note.size >= size:
            return note
    msg = f"no checkpoint covers record {size - 1} yet"
    hint = "One is signed within [audit] checkpoint_s; then try again."
    raise AuditRefusedError(msg, hint=hint)


def prove_record(folder: Folder, seq: int) -> tuple[str, bytes | None]:
    """Prove that a record is in the log, as tlog-proof.

    Returns:
        The proof, and the stored line it is about; None if that was pruned.

    Raises:
        AuditRefusedError: there is no such record, or no checkpoint over it.
        AuditUnreadableError: records are missing.
    """
    note = checkpoint_over(folder, seq + 1)
    first = folder.listing().records[0]
    leaves = leaves_from(folder, first, note.size)
    proof = tree.inclusion_proof(leaves, seq)
    return checkpoint.inclusion_text(seq, proof, note), stored_line(folder, seq)


def prove_growth(folder: Folder, old_size: int, new_size: int) -> str:
    """Prove that the log only grew, in the form a witness takes.

    Raises:
        AuditRefusedError: no checkpoint was signed over exactly `new_size` records.
        AuditUnreadableError: records are missing.
    """
    sizes = {note.size: note for note in all_checkpoints(folder)}
    if new_size not in sizes:
        near = min(sizes, key=lambda size: abs(size - new_size), default=None)
        msg = f"no checkpoint was signed over exactly {new_size} records"
        hint = "" if near is None else f"One was over {near}."
        raise AuditRefusedError(msg, hint=hint)
    proof = consistency(folder, old_size, new_size)
    return checkpoint.consistency_text(old_size, proof, sizes[new_size])


def stored_line(folder: Folder, seq: int) -> bytes | None:
    """The bytes of a record; None where only the hash is left.

    Raises:
        AuditRefusedError: there is no such record.
    """
    names = [name for name in folder.listing().records if name.first <= seq]
    if names:
        name = names[-1]
        if name.kind == HASHES:
            return None
        lines, _ = split_lines(folder.read(name))
        if seq - name.first < len(lines):
            return lines[seq - name.first]
    msg = f"there is no record {seq}"
    raise AuditRefusedError(msg)
