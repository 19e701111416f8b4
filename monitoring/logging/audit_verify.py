"""Is the log what it was? Reads all of it and says the first thing that is wrong.

Three layers, each seeing what the one before cannot: the chain from line to line, the
signed checkpoints beside it, and a checkpoint that a witness on another machine kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.logging import chain, checkpoint
from monitoring.logging.audit_errors import AuditUnreadableError
from monitoring.logging.audit_files import HASHES, KEY_NAME
from monitoring.logging.audit_files import split as split_lines
from monitoring.logging.audit_opening import is_torn, read_opening
from monitoring.logging.audit_report import (
    BEHIND,
    INTACT,
    TAMPERED,
    TORN,
    Finding,
    Report,
)
from monitoring.logging.checkpoint import CheckpointError, Verifier
from monitoring.logging.tree import HASH_BYTES, Frontier

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitoring.logging.audit_files import Folder, Name
    from monitoring.logging.audit_opening import Opening
    from monitoring.logging.audit_report import Kind
    from monitoring.logging.checkpoint import Checkpoint

__all__ = [
    "BEHIND",
    "INTACT",
    "TAMPERED",
    "TORN",
    "Finding",
    "Report",
    "Trust",
    "all_checkpoints",
    "stored_key",
    "verify",
    "verify_chain",
]

# Reasons to begin a file that leave something in the one before which never counted.
VOID_REASONS = frozenset({"fsync failed", "torn", "changed", "cut"})
# A writer signs every 256 records; where it cannot (a full disk) it may go on a while.
MAX_UNCOVERED = 1024


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to believe, and how closely to look.

    Attributes:
        key: of the log; None for the one that lies beside it, which an attacker could
            have replaced.
        witnessed: a checkpoint that was kept elsewhere.
        every_field: parse each record, not only its place in the chain.
    """

    key: Verifier | None = None
    witnessed: Checkpoint | None = None
    every_field: bool = False


class _Walk:
    """One pass over the files."""

    def __init__(
        self, folder: Folder, trust: Trust, marks: Iterable[int], covered: int
    ) -> None:
        self._folder = folder
        self._trust = trust
        self._marks = sorted(set(marks), reverse=True)
        self._frontier = Frontier()
        self._prev = chain.GENESIS
        self._covered = covered
        self._has_leftover = False
        self.roots: dict[int, bytes] = {}
        self.report = Report(covered=covered)
        self._grow([])

    def run(self) -> None:
        """Read file by file, up to the first that does not follow."""
        names = self._folder.listing().records
        for place, name in enumerate(names):
            following = names[place + 1].first if place + 1 < len(names) else None
            self.report.files += 1
            if not self._file(name, following):
                break
        self.report.size = self._frontier.size
        self.report.root = self._frontier.root()

    def _find(self, kind: Kind, seq: int, file: Name | str, detail: str) -> None:
        self.report.findings.append(Finding(kind, seq, str(file), detail))

    def _file(self, name: Name, following: int | None) -> bool:
        size = self._frontier.size
        if name.first != size:
            gone = f"records {size} to {name.first - 1} are gone"
            detail = gone if name.first > size else f"it should begin at {size}"
            self._find("missing", size, name, detail)
            return False
        content = self._folder.read(name)
        self.report.bytes += len(content)
        wanted = None if following is None else following - name.first
        if name.kind == HASHES:
            return self._pruned(name, content, wanted)
        lines, rest = split_lines(content)
        if wanted is not None and len(lines) > wanted:
            leftover: list[bytes] = lines[wanted:]
            lines = lines[:wanted]
        else:
            leftover = []
        if lines and not self._opens(name, lines[0]):
            return False
        self._has_leftover = bool(leftover or rest) and following is not None
        return self._lines(name, lines, rest, wanted)

    def _pruned(self, name: Name, content: bytes, wanted: int | None) -> bool:
        ends = range(0, len(content), HASH_BYTES)
        leaves = [content[at : at + HASH_BYTES] for at in ends]
        if len(content) % HASH_BYTES or (wanted is not None and len(leaves) != wanted):
            self._find("missing", name.first, name, "hashes are missing")
            return False
        self.report.pruned += len(leaves)
        self._grow(leaves)
        self._prev = leaves[-1].hex() if leaves else self._prev
        self._has_leftover = False
        return True

    def _opens(self, name: Name, line: bytes) -> bool:
        """Check what the first record says of all before it."""
        seq = self._frontier.size
        try:
            opening = read_opening(line)
        except chain.RecordError as error:
            if is_torn(line, is_last=False) and seq >= self._covered:
                return True  # `_lines` will say so.
            self._find("unreadable", seq, name, str(error))
            return False
        return self._agrees(name, seq, opening)

    def _agrees(self, name: Name, seq: int, opening: Opening) -> bool:
        if opening.frontier.peaks != self._frontier.peaks:
            detail = "the tree before this file is not the one it was begun on"
            self._find("rewritten", seq, name, detail)
            return False
        if self._has_leftover and opening.reason not in VOID_REASONS:
            detail = "the file before it holds more than the next one follows"
            self._find("inserted", seq, name, detail)
            return False
        if opening.reason in {"changed", "cut"}:
            kind: Kind = "cut" if opening.reason == "cut" else "altered"
            detail = f"the writer found the log {opening.reason} when it opened it"
            self._find(kind, seq, name, detail)
        if opening.reason == "restored":
            self.report.restored.append(seq)
        return True

    def _lines(
        self, name: Name, lines: list[bytes], rest: bytes, wanted: int | None
    ) -> bool:
        first = self._frontier.size
        hashes = chain.follow(lines, first, self._prev)
        self._grow(hashes)
        if hashes:
            self._prev = hashes[-1].hex()
        self._parse(name, lines[: len(hashes)], first)
        if len(hashes) < len(lines):
            self._diagnose(name, lines, len(hashes), is_last=wanted is None)
            return False
        if wanted is not None and len(lines) < wanted:
            seq = self._frontier.size
            self._find("missing", seq, name, f"{wanted - len(lines)} records are gone")
            return False
        if wanted is None and rest:
            self._torn(name, self._frontier.size, len(rest))
        return True

    def _parse(self, name: Name, lines: Sequence[bytes], first: int) -> None:
        # What is signed was written by the writer, which checks; what is not might be
        # anybody's.
        skip = 0 if self._trust.every_field else max(self._covered - first, 0)
        for seq, line in enumerate(lines[skip:], first + skip):
            try:
                chain.parse(line)
            except chain.RecordError as error:
                self._find("unreadable", seq, name, str(error))
                return

    def _diagnose(
        self, name: Name, lines: list[bytes], place: int, *, is_last: bool
    ) -> None:
        seq = self._frontier.size
        line = lines[place]
        found = chain.head(line)
        if is_last and seq >= self._covered and is_torn(line, is_last=False):
            self._torn(name, seq, sum(len(one) + 1 for one in lines[place:]))
        elif found is None:
            self._find("unreadable", seq, name, "the line is no record")
        elif found[0] == seq and found[1] == self._prev:
            self._find("altered", seq, name, "the record's end is not whole")
        elif found[0] == seq:
            detail = f"record {seq} does not follow from it"
            self._find("altered", max(seq - 1, 0), name, detail)
        elif found[0] < seq:
            detail = f"number {found[0]} stands here a second time"
            self._find("inserted", found[0], name, detail)
        elif any(self._is_number(seq, other) for other in lines[place:]):
            self._find("swapped", seq, name, f"record {found[0]} stands in its place")
        else:
            self._find("missing", seq, name, f"record {found[0]} stands in its place")

    @staticmethod
    def _is_number(seq: int, line: bytes) -> bool:
        found = chain.head(line)
        return found is not None and found[0] == seq

    def _torn(self, name: Name, seq: int, count: int) -> None:
        detail = f"{count} bytes were being written when the power failed"
        self._find("torn", seq, name, detail)

    def _grow(self, hashes: Sequence[bytes]) -> None:
        """Add leaves, noting the root at each size that somebody signed."""
        rest = list(hashes)
        while self._marks and self._marks[-1] <= self._frontier.size + len(rest):
            step = self._marks.pop() - self._frontier.size
            self._frontier.extend(rest[:step])
            del rest[:step]
            self.roots[self._frontier.size] = self._frontier.root()
        self._frontier.extend(rest)


def verify(folder: Folder, trust: Trust | None = None) -> Report:
    """Read a whole log and say how it is.

    Raises:
        AuditUnreadableError: there is no log, or it cannot be read.
    """
    trust = trust or Trust()
    try:
        return _verify(folder, trust)
    except OSError as error:
        msg = f"cannot read the audit log in {folder.path}: {error.strerror or error}"
        raise AuditUnreadableError(msg) from error


def verify_chain(folder: Folder) -> Report:
    """Follow the chain from line to line and nothing else.

    Raises:
        OSError: the log cannot be read.
    """
    walk = _Walk(folder, Trust(), (), 0)
    walk.run()
    return walk.report


def _verify(folder: Folder, trust: Trust) -> Report:
    notes = all_checkpoints(folder)
    key = trust.key or stored_key(folder)
    signed = _newest_signed(notes, key)
    witnessed = trust.witnessed
    marks = {note.size for note in notes} | ({witnessed.size} if witnessed else set())
    walk = _Walk(folder, trust, marks, signed.size if signed else 0)
    walk.run()
    report = walk.report
    if not report.files and not notes:
        msg = f"there is no audit log in {folder.path}"
        raise AuditUnreadableError(msg)
    report.findings += _against(notes, walk)
    report.findings += _unsigned(report, notes, signed, key)
    if witnessed is not None:
        report.findings += _against_witness(witnessed, walk, key)
    report.findings.sort(key=lambda finding: finding.seq)
    return report


def all_checkpoints(folder: Folder) -> list[Checkpoint]:
    """All checkpoints beside the log, the smallest first."""
    found: list[Checkpoint] = []
    for name in folder.listing().notes:
        text = folder.read(name).decode("utf-8", errors="replace")
        found += checkpoint.find_all(text)
    return sorted(found, key=lambda note: note.size)


def stored_key(folder: Folder) -> Verifier | None:
    """Read the key that lies beside the log; None if there is none."""
    try:
        return Verifier.parse(folder.read(KEY_NAME).decode("utf-8", errors="replace"))
    except (FileNotFoundError, CheckpointError):
        return None


def _newest_signed(
    notes: Sequence[Checkpoint], key: Verifier | None
) -> Checkpoint | None:
    for note in reversed(notes):
        try:
            if key is not None:
                note.check(key)
                return note
        except CheckpointError:
            continue
    return None


def _against(notes: Sequence[Checkpoint], walk: _Walk) -> list[Finding]:
    """Compare the log with what was signed; the first difference says enough."""
    agreed = 0
    for note in notes:
        root = walk.roots.get(note.size)
        if root is None:
            # Where the chain broke before, that has been said.
            if walk.report.code == TAMPERED:
                return []
            detail = f"a checkpoint over {note.size} records exists, they do not"
            return [Finding("cut", walk.report.size, "", detail)]
        if root != note.root:
            detail = f"a checkpoint over {note.size} records has another root"
            return [Finding("rewritten", agreed, "", detail)]
        agreed = note.size
    return []


def _unsigned(
    report: Report,
    notes: Sequence[Checkpoint],
    signed: Checkpoint | None,
    key: Verifier | None,
) -> list[Finding]:
    if key is None and report.size:
        return [Finding("unsigned", 0, KEY_NAME, "the key of the log is gone")]
    newest = notes[-1].size if notes else 0
    trusted = signed.size if signed else 0
    if trusted < newest:
        detail = f"a checkpoint over {newest} records is not signed by the log's key"
        return [Finding("unsigned", trusted, "", detail)]
    if report.size - trusted > MAX_UNCOVERED:
        detail = f"no checkpoint covers the last {report.size - trusted} records"
        return [Finding("unsigned", trusted, "", detail)]
    return []


def _against_witness(
    witnessed: Checkpoint, walk: _Walk, key: Verifier | None
) -> list[Finding]:
    if key is not None:
        try:
            witnessed.check(key)
        except CheckpointError as error:
            return [Finding("unsigned", 0, "witness", str(error))]
    root = walk.roots.get(witnessed.size)
    if root is None:
        detail = f"the witness has seen {witnessed.size} records"
        return [Finding("behind", walk.report.size, "witness", detail)]
    if root != witnessed.root:
        detail = f"the witness has seen other records below {witnessed.size}"
        return [Finding("rewritten", 0, "witness", detail)]
    return []
