"""What a log is found to be when somebody opens it to write.

Reads the last file, and of the others no more than it must: the first record of each
file names the peaks of the tree before it. What power took away (the end of the last
file, written but never acknowledged) is told from what somebody changed: a torn place
holds zeros or stops in the middle of a line, and no checkpoint was signed over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from monitoring.logging import chain, checkpoint
from monitoring.logging.audit_files import HASHES
from monitoring.logging.audit_files import split as split_lines
from monitoring.logging.tree import HASH_BYTES, Frontier, ProofError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.logging.audit_files import Folder, Name
    from monitoring.logging.chain import Record
    from monitoring.logging.checkpoint import Checkpoint, Verifier

OPENED = "audit.opened"
Fault = Literal["", "torn", "changed", "cut"]


@dataclass(frozen=True, slots=True)
class Opening:
    """What the first record of a file says of all before it.

    Attributes:
        frontier: the tree before this file.
        prev: hash of the last line before it, hexadecimal.
        reason: why the file was begun.
        opened: the record's time, RFC 3339.
    """

    frontier: Frontier
    prev: str
    reason: str
    opened: str


@dataclass(frozen=True, slots=True)
class Found:
    """Where writing goes on.

    Attributes:
        frontier: the tree over all records that stay.
        last: hash of the last line, hexadecimal.
        name: file to go on in; None to begin a new one.
        good_bytes: of that file; the rest is torn.
        torn: bytes of the torn end.
        fault: what is wrong; empty if nothing is.
        covered: newest checkpoint of our key; None if there is none.
        opened: when the file was begun, RFC 3339.
    """

    frontier: Frontier
    last: str = chain.GENESIS
    name: Name | None = None
    good_bytes: int = 0
    torn: bytes = b""
    fault: Fault = ""
    covered: Checkpoint | None = None
    opened: str = ""


def read_opening(line: bytes) -> Opening:
    """Read the first record of a file.

    Raises:
        RecordError: it is no such record.
    """
    return opening_of(chain.parse(line))


def opening_of(record: Record) -> Opening:
    """Read what an opening record says.

    Raises:
        RecordError: it is no such record.
    """
    ctx = record.ctx
    peaks, root = ctx.get("peaks"), ctx.get("root")
    if record.act != OPENED or not isinstance(peaks, list):
        msg = "the file does not begin with a record that opens it"
        raise chain.RecordError(msg)
    try:
        frontier = Frontier(record.seq, [bytes.fromhex(str(peak)) for peak in peaks])
    except (ValueError, ProofError) as error:
        msg = f"the peaks are wrong: {error}"
        raise chain.RecordError(msg) from error
    if frontier.root().hex() != root:
        msg = "the peaks are not those of the root"
        raise chain.RecordError(msg)
    return Opening(frontier, record.prev, str(ctx.get("reason", "")), record.ts)


def opening_facts(
    frontier: Frontier, before: Name | None, reason: str
) -> dict[str, object]:
    """What the first record of a file says: the context of the record."""
    return {
        "reason": reason,
        "file": str(before) if before else "",
        "size": frontier.size,
        "root": frontier.root().hex(),
        "peaks": [peak.hex() for peak in frontier.peaks],
    }


def is_torn(line: bytes, *, is_last: bool) -> bool:
    """Whether a power cut can have left this: zeros, or the end of the file."""
    return is_last or b"\0" in line


def newest_checkpoint(
    folder: Folder, notes: Sequence[Name], verifier: Verifier
) -> Checkpoint | None:
    """Find the largest checkpoint that our key signed."""
    for name in reversed(notes):
        text = folder.read(name).decode("utf-8", errors="replace")
        for found in sorted(checkpoint.find_all(text), key=lambda one: -one.size):
            try:
                found.check(verifier)
            except checkpoint.CheckpointError:
                continue
            return found
    return None


def take_up(folder: Folder, verifier: Verifier) -> Found:
    """Find out where to go on."""
    listing = folder.listing()
    covered = newest_checkpoint(folder, listing.notes, verifier)
    debris = False
    for name in reversed(listing.logs):
        lines, rest = split_lines(folder.read(name))
        head = lines[0] if lines else rest
        try:
            opening = read_opening(head if lines else b"")
        except chain.RecordError:
            if not is_torn(head, is_last=not lines):
                return _changed(folder, covered)
            # Never begun: nothing in it was acknowledged.
            debris = True
            continue
        return _examine(folder, name, lines, rest, opening, covered, debris=debris)
    if listing.records != listing.logs or covered is not None:
        return _changed(folder, covered)
    return Found(Frontier(), fault="torn" if debris else "", covered=covered)


def _examine(  # noqa: PLR0913, PLR0917 - what was read so far
    folder: Folder,
    name: Name,
    lines: list[bytes],
    rest: bytes,
    opening: Opening,
    covered: Checkpoint | None,
    *,
    debris: bool,
) -> Found:
    hashes = chain.follow(lines, opening.frontier.size, opening.prev)
    good = len(hashes)
    if good < len(lines) and not is_torn(lines[good], is_last=False):
        return _changed(folder, covered)
    frontier = opening.frontier
    frontier.extend(hashes)
    if covered is not None and covered.size > frontier.size:
        return _changed(folder, covered)
    torn = b"\n".join([*lines[good:], rest])
    return Found(
        frontier,
        last=hashes[-1].hex(),
        name=None if debris else name,
        good_bytes=sum(len(line) + 1 for line in lines[:good]),
        torn=torn,
        fault="torn" if torn or debris else "",
        covered=covered,
        opened=opening.opened,
    )


def _changed(folder: Folder, covered: Checkpoint | None) -> Found:
    """Go on behind what is there, as it is: `verify` will say where it was changed."""
    leaves = raw_leaves(folder)
    frontier = Frontier()
    frontier.extend(leaves)
    is_cut = covered is not None and covered.size > frontier.size
    return Found(
        frontier,
        last=leaves[-1].hex() if leaves else chain.GENESIS,
        fault="cut" if is_cut else "changed",
        covered=covered,
    )


def raw_leaves(folder: Folder) -> list[bytes]:
    """Hash every whole line of every file, whatever it holds."""
    leaves: list[bytes] = []
    for name in folder.listing().records:
        content = folder.read(name)
        if name.kind == HASHES:
            ends = range(0, len(content), HASH_BYTES)
            leaves += [content[at : at + HASH_BYTES] for at in ends]
        else:
            leaves += [chain.leaf_hash(line) for line in split_lines(content)[0]]
    return leaves
