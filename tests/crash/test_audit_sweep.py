"""The writer of the audit log is killed, and its disk fails, at every system call.

`strace` injects the fault at the n-th call of its kind that touches the log's files;
the program says what it acknowledged. After that the log verifies as intact or torn,
holds every acknowledged record, and is intact once the writer has opened it again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import audit_program
import pytest

from monitoring.logging.audit_export import records
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_verify import INTACT, TORN, verify

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = Path(audit_program.__file__)
BATCHES = 7
CALLS = ("openat", "write", "fsync", "rename", "unlink", "ftruncate")
FAULTS = ("error=EIO", "error=ENOSPC", "signal=KILL")
FULL = bool(os.environ.get("FULL"))
# Of the short form: every so manieth point, another set for each fault.
STEP = 1 if FULL else 2
STRACE = shutil.which("strace") or ""
REPORT = Path(__file__).parents[2] / ".cache" / "reports" / "audit-sweep.txt"

pytestmark = [
    pytest.mark.crash,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not STRACE, reason="strace is not installed"),
]


@dataclass(frozen=True)
class Point:
    """The n-th call of its kind on the log's files, and what happens there."""

    call: str
    n: int
    fault: str

    def __str__(self) -> str:
        return f"{self.call} {self.n} {self.fault}"


@dataclass(frozen=True)
class Run:
    said: list[str]
    trace: str

    def acked(self) -> dict[int, str]:
        words = [line.split() for line in self.said if line.startswith("acked ")]
        return {int(seq): obj for _, seq, obj in words}


def write_log(home: Path, inject: str = "") -> Run:
    """Let the program write below `home`, with one fault."""
    folder = home / "audit"
    folder.mkdir(parents=True, exist_ok=True)
    # Every name it may come to use: strace follows paths, not folders.
    names = ["", "vkey", "vkey.tmp"]
    for first in range(40):
        for again in ("", "-2", "-3"):
            names += [f"{first:012d}{again}.log", f"{first:012d}{again}.checkpoints"]
    watched = [word for name in names for word in ("-P", str(folder / name))]
    fault = ["-e", f"inject={inject}"] if inject else []
    trace = home / "trace"
    command = [STRACE, "-o", str(trace), "-e", f"trace={','.join(CALLS)}", *fault]
    done = subprocess.run(
        [*command, *watched, sys.executable, str(PROGRAM), str(folder), str(BATCHES)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Run(done.stdout.splitlines(), trace.read_text())


def points(home: Path) -> list[Point]:
    """Count the calls of a run without faults; a point for each, with each fault."""
    counts = Counter(re.findall(r"^(\w+)\(", write_log(home).trace, re.MULTILINE))
    found = [
        Point(call, n, fault)
        for call in CALLS
        for n in range(1, counts[call] + 1)
        for fault in FAULTS
    ]
    assert counts["fsync"] > BATCHES
    return found


def broken_at(home: Path, point: Point) -> tuple[bool, list[str]]:
    """Run with the fault: did it strike, and which promises were broken."""
    run = write_log(home, f"{point.call}:{point.fault}:when={point.n}")
    struck = "INJECTED" in run.trace or "killed by SIGKILL" in run.trace
    return struck, [f"{point}: {why}" for why in judged(home / "audit", run.acked())]


def judged(path: Path, acked: dict[int, str]) -> list[str]:
    """Say which promises a log breaks, before and after its writer opens it."""
    folder = Folder(str(path))
    if not acked and not folder.listing().records:
        return []
    wrong = _judged(folder, acked, (INTACT, TORN))
    audit_program.opened(path).close()
    return wrong + _judged(folder, acked, (INTACT,))


def _judged(folder: Folder, acked: dict[int, str], codes: Sequence[int]) -> list[str]:
    report = verify(folder)
    wrong = [] if report.code in codes else [f"{report.code} {report.findings}"]
    stored = {record.seq: record.obj for record in records(folder)}
    lost = [seq for seq, obj in acked.items() if stored.get(seq) != obj]
    return [*wrong, f"lost {lost}"] if lost else wrong


def test_no_fault_at_any_call_loses_a_record_or_looks_like_tampering(
    tmp_path: Path,
) -> None:
    everything = points(tmp_path / "count")
    chosen = everything[::STEP]

    def one(numbered: tuple[int, Point]) -> tuple[bool, list[str]]:
        number, point = numbered
        home = tmp_path / str(number)
        try:
            return broken_at(home, point)
        finally:
            shutil.rmtree(home, ignore_errors=True)

    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(one, enumerate(chosen)))
    struck = sum(hit for hit, _ in verdicts)
    broken = [line for _, lines in verdicts for line in lines]
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(
        f"{len(chosen)} of {len(everything)} points tried, {struck} faults struck, "
        f"{len(broken)} promises broken\n"
    )
    assert not broken, "\n".join(broken)
    assert struck > len(chosen) // 2
