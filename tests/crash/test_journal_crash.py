"""The writer of the journal is killed, and its disk fails, at every system call.

`strace` injects the fault; the writer says of each ring what became of it. A ring it
called kept must be read back, and no ring may be read that nobody rang.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from doorbell.adapters.ring_journal import RingJournal, read_rings
from doorbell.core.stamp import Stamp

WRITER = Path(__file__).with_name("journal_writer.py")
SLOTS, RINGS = 2, 5
CALLS = ["openat", "pwrite64", "fdatasync", "fsync", "rename", "unlink", "mkdir"]
STRACE = shutil.which("strace") or ""
STAMP = Stamp("ab" * 16, 5, 6, synced=True)

pytestmark = [
    pytest.mark.crash,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not STRACE, reason="strace is not installed"),
]


@dataclass(frozen=True)
class Run:
    """What a writer said and did."""

    said: list[str]
    trace: str

    def kept(self) -> dict[int, int]:
        """Return the seq of each ring that was acknowledged."""
        lines = [line.split() for line in self.said if line.startswith("kept ")]
        return {int(number): int(seq) for _, number, seq in lines}

    def told(self) -> set[int]:
        return {int(s.split()[1]) for s in self.said if s.startswith("told ")}


def writer(folder: Path, rings: int) -> list[str]:
    """Return the command that writes so many rings."""
    return [sys.executable, str(WRITER), str(folder), str(SLOTS), "1", str(rings)]


def write_rings(home: Path, inject: str = "") -> Run:
    """Let the writer work below `home`, with one fault."""
    home.mkdir(exist_ok=True)
    folder = home / "journal"
    paths = [home, folder, *(folder / n for n in ("lock", "spare", "spare.tmp"))]
    paths += [folder / f"{n:010d}.rings" for n in range(1, 40)]
    watched = [word for path in paths for word in ("-P", str(path))]
    fault = ["-e", f"inject={inject}"] if inject else []
    trace = home / "trace"
    strace = [STRACE, "-o", str(trace), "-e", f"trace={','.join(CALLS)}"]
    done = subprocess.run(
        [*strace, *fault, *watched, *writer(folder, RINGS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Run(done.stdout.splitlines(), trace.read_text())


def calls_of(run: Run) -> list[tuple[str, int]]:
    """Return every system call on the journal, with its place among its kind."""
    counts = Counter(re.findall(r"^(\w+)\(", run.trace, re.MULTILINE))
    return [(call, n) for call in CALLS for n in range(1, counts[call] + 1)]


def assert_nothing_lost(home: Path, run: Run) -> None:
    """Read the journal, go on writing, and read it again."""
    folder = home / "journal"
    journal = RingJournal(folder, SLOTS)
    journal.open()
    numbers = range(101, 104)
    later = {n: journal.append("gpio", STAMP, f"{n:032x}").seq for n in numbers}
    journal.close()
    reading = read_rings(folder, 0)
    by_number = {int(ring.id, 16): ring.seq for ring in reading.rings}
    expected = {**run.kept(), **later}
    assert {n: by_number.get(n) for n in expected} == expected
    assert set(by_number) <= {*range(1, RINGS + 1), *later}
    assert len({ring.seq for ring in reading.rings}) == len(reading.rings)
    assert reading.damage == []


def sweep(tmp_path: Path, faults: list[str]) -> list[tuple[Path, Run]]:
    """Run the writer once for each fault."""
    homes = [tmp_path / f"{i}" for i in range(len(faults))]
    with ThreadPoolExecutor(2) as pool:
        return list(zip(homes, pool.map(write_rings, homes, faults), strict=True))


def test_writer_killed_at_every_call_loses_no_acknowledged_ring(tmp_path: Path) -> None:
    whole = write_rings(tmp_path / "whole")
    assert whole.kept() == {n: n for n in range(1, RINGS + 1)}
    calls = calls_of(whole)
    assert len(calls) > 40
    faults = [f"{call}:signal=KILL:when={n}" for call, n in calls]
    killed = 0
    for home, run in sweep(tmp_path, faults):
        killed += "done" not in run.said
        assert_nothing_lost(home, run)
    assert killed == len(faults)


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_call_that_fails_once_loses_no_acknowledged_ring(
    tmp_path: Path, error: str
) -> None:
    calls = [c for c in calls_of(write_rings(tmp_path / "whole")) if c[0] != "mkdir"]
    for home, run in sweep(tmp_path, [f"{c}:error={error}:when={n}" for c, n in calls]):
        assert run.said[-1] == "done" or run.said[-1].startswith("shut ")
        if run.said[-1] == "done":
            assert run.kept().keys() | run.told() == set(range(1, RINGS + 1))
        assert_nothing_lost(home, run)


@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
def test_disk_that_fails_for_good_is_said_of_each_ring(
    tmp_path: Path, call: str
) -> None:
    for n in range(3, 9):
        home = tmp_path / str(n)
        run = write_rings(home, f"{call}:error=EIO:when={n}+")
        assert run.said[-1] == "done"
        assert run.kept().keys().isdisjoint(run.told())
        assert run.kept().keys() | run.told() == set(range(1, RINGS + 1))
        assert run.told()
        assert_nothing_lost(home, run)


def test_failed_write_is_never_repeated_on_its_file(tmp_path: Path) -> None:
    run = write_rings(tmp_path / "home", "fdatasync:error=EIO:when=3")
    lines = run.trace.splitlines()
    (failed,) = [i for i, line in enumerate(lines) if "EIO" in line]
    fd = re.match(r"fdatasync\((\d+)\)", lines[failed])
    assert fd
    assert not lines[failed + 1].startswith(("fdatasync", "pwrite64"))
    assert len(run.kept()) == RINGS
    assert sorted(run.kept().values()) != list(range(1, RINGS + 1))


def test_ring_is_acknowledged_only_when_all_of_it_is_on_disk(tmp_path: Path) -> None:
    """What a power cut would take must be nothing when the ring is called kept."""
    trace = tmp_path / "trace"
    strace = [STRACE, "-y", "-o", str(trace), "-e", f"trace=write,{','.join(CALLS)}"]
    subprocess.run(
        [*strace, *writer(tmp_path / "journal", 6)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    unsynced: set[str] = set()
    acknowledged = 0
    for line in trace.read_text().splitlines():
        if "= -1" in line or (str(tmp_path) not in line and "kept" not in line):
            continue
        paths = re.findall(r'[<"](/[^">]+)[">]', line)
        match line.split("(")[0]:
            case "pwrite64":
                unsynced.add(paths[0])
            case "fdatasync" | "fsync":
                unsynced.discard(paths[0])
            case "rename" | "mkdir":
                unsynced.add(str(Path(paths[-1]).parent))
            case "write" if "kept" in line:
                acknowledged += 1
                assert unsynced == set(), line
    assert acknowledged == 6
