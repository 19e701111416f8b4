"""What `verify` found: one thing at a time, and all in all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "altered",
    "missing",
    "inserted",
    "swapped",
    "unreadable",
    "torn",
    "cut",
    "rewritten",
    "unsigned",
    "behind",
]
INTACT, TORN, TAMPERED, BEHIND = 0, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        seq: number of the first record concerned.
        file: where; empty for what is in no file.
    """

    kind: Kind
    seq: int
    file: str
    detail: str

    @property
    def code(self) -> int:
        """Exit code that says how bad it is."""
        return {"torn": TORN, "behind": BEHIND}.get(self.kind, TAMPERED)


@dataclass(slots=True)
class Report:
    """What a whole log is like.

    Attributes:
        size: records that follow from each other.
        root: of the tree over them.
        covered: size of the newest checkpoint that a trusted key signed.
        pruned: records of which only the hash is left.
        bytes: read.
        restored: numbers of the records that begin what follows a restored backup.
        findings: what is wrong, the first in the log first; empty when intact.
    """

    size: int = 0
    root: bytes = b""
    covered: int = 0
    files: int = 0
    pruned: int = 0
    bytes: int = 0
    restored: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def code(self) -> int:
        """0 intact, 3 torn, 4 tampered with, 5 behind its witness."""
        codes = {finding.code for finding in self.findings}
        return next((code for code in (TAMPERED, BEHIND, TORN) if code in codes), 0)
