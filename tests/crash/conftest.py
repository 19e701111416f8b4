"""What the crash tests leave to read at the end of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

REPORTS = Path(__file__).parents[2] / ".cache" / "reports"
NOTES = {
    REPORTS / "ring-sweep.txt": "kills at system calls of one visit",
    REPORTS / "holder-kills.txt": "kills of the button holder",
    REPORTS / "audit-power-cuts.txt": "power cuts of the audit log",
    REPORTS / "audit-sweep.txt": "faults at system calls of the audit log's writer",
}


def pytest_sessionstart(session: pytest.Session) -> None:
    """Forget what an earlier run found."""
    del session
    for note in NOTES:
        note.unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print kills, rings lost and doubled, where they were counted."""
    for note, title in NOTES.items():
        if note.exists():
            terminalreporter.section(title)
            terminalreporter.write_line(note.read_text())
