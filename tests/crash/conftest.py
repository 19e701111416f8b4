"""What the crash tests leave to read at the end of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

SWEEP = Path(__file__).parents[2] / ".cache" / "reports" / "ring-sweep.txt"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Forget the table of an earlier run."""
    del session
    SWEEP.unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print kill points, kills, rings lost and resends, where they were counted."""
    if SWEEP.exists():
        terminalreporter.section("kills at system calls of one visit")
        terminalreporter.write_line(SWEEP.read_text())
