"""Kill one process of a whole daemon at one system call of one visit, and see.

The calls are counted first, a process and thread at a time, while nothing is killed.
Then `strace` is attached to a thread right before the press, and kills its process at
the call wanted. What became of the ring is asked of the journal, of the state and of
the receiver, never of the daemon's own words.
"""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from doorbell.adapters.ring_journal import read_rings
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from doorstep import Doorstep

CALLS = (
    *("write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "ftruncate"),
    *("sendto", "sendmsg"),
)
WORKERS = ("button", "capture", "vision", "notify")
ROLES = ("hub", *WORKERS)
# All of a visit at 5 frames a second, and the pause after it.
VISIT_S = 1.0
# A machine that is busy elsewhere starts a daemon slowly.
SETTLE_S = 30.0


@dataclass(frozen=True, order=True)
class Point:
    """The n-th call of its kind that a thread makes around one visit."""

    role: str
    thread: int
    call: str
    n: int

    def __str__(self) -> str:
        return f"{self.role}/{self.thread} {self.call} {self.n}"


@dataclass
class Verdict:
    """What a kill came to.

    Attributes:
        killed: the process died of it; False when it made no such call this time.
        rung: rings of this visit that were on disk, or were told.
        lost: of these, the ones nobody was told of.
        resends: requests beyond the first with the same key.
        twice: pushes of the same kind about the same ring under different keys.
    """

    point: Point
    killed: bool
    rung: int = 0
    lost: list[str] = field(default_factory=list)
    resends: int = 0
    twice: int = 0


class Porch:
    """A daemon that is killed again and again, and what it owes."""

    def __init__(self, step: Doorstep) -> None:
        self.step = step
        self.settled: set[str] = set()

    def pid(self, role: str) -> int:
        """Process that plays the role now."""
        if role == "hub":
            assert self.step.process is not None
            return self.step.process.pid
        return self.step.pid(role)

    def journalled(self) -> set[str]:
        """Rings that are on disk; one whose write was cut off never rang."""
        reading = read_rings(self.step.state / "journal", 0)
        return {ring.id for ring in reading.rings}

    def told(self) -> set[str]:
        """Visits the receiver has heard of; a visit bears the id of its ring."""
        keys = self.step.sink.keys()
        return {key.split("-")[0] for key in keys}

    def owed(self) -> int:
        """Rows of the outbox that still wait, and visits without an end."""
        query = (
            "SELECT (SELECT count(*) FROM outbox WHERE state = 'pending') + "
            "(SELECT count(*) FROM visits WHERE state IN ('rung', 'captured'))"
        )
        uri = f"file:{self.step.state / 'state.db'}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as connection:
            return int(connection.execute(query).fetchone()[0])

    def is_settled(self) -> bool:
        """Whether everything runs and nobody waits for anything."""
        if not self.step.is_up(*WORKERS):
            return False
        # A ring that joined another's visit has no visit of its own, so only the
        # caller can tell whether one is missing.
        return self.owed() == 0

    def settle(self) -> bool:
        """Wait for the end of a visit; False if there is none."""
        try:
            until(self.is_settled, SETTLE_S, "settled")
            until(lambda: self.journalled() <= self.told(), SETTLE_S, "told")
            # What was told of it just now is being recorded.
            until(self.is_settled, 3.0, "settled")
        except AssertionError:
            return False
        return True

    def ensure_up(self) -> None:
        """Start the daemon again if it was the one that was killed."""
        process = self.step.process
        if process is None or process.poll() is not None:
            self.step.start()
        until(self.is_settled, SETTLE_S, "settled")
        # A ring that was taken up after a restart may be joined as well.
        time.sleep(self.step.settings.button.merge_s + 0.1)


def threads(pid: int) -> list[int]:
    """Threads of a process, oldest first."""
    from pathlib import Path  # noqa: PLC0415 - at run time only here

    return sorted(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())


def attach(pid: int, out: Path, *options: str) -> subprocess.Popen[str]:
    """Attach strace and return when it holds the process or thread."""
    traced = ["-e", f"trace={','.join(CALLS)}", *options, "-p", str(pid)]
    command = ["strace", "-o", str(out), *traced]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    line = tracer.stderr.readline()
    assert "attached" in line, line
    return tracer


def detach(tracer: subprocess.Popen[str]) -> None:
    """End strace; what it traced goes on."""
    if tracer.poll() is None:
        tracer.send_signal(signal.SIGINT)
    tracer.communicate(timeout=10)


def press(porch: Porch) -> None:
    """Ring once, and wait as long as a visit takes."""
    before = len(porch.step.sink.received)
    porch.step.press(30)
    porch.step.sink.wait_for(before + 2, VISIT_S)
    # What follows the last answer (records, the picture), and the time in which one
    # more ring would be this visit's.
    time.sleep(porch.step.settings.button.merge_s + 0.1)


def count_points(porch: Porch, folder: Path) -> list[Point]:
    """Trace one visit in every process and list the calls of each thread."""
    tracers, order = [], {}
    for role in ROLES:
        pid = porch.pid(role)
        order.update({tid: (role, i) for i, tid in enumerate(threads(pid))})
        tracers.append(attach(pid, folder / "count", "-ff"))
    press(porch)
    for tracer in tracers:
        detach(tracer)
    points = []
    for file in folder.glob("count.*"):
        role, thread = order.get(int(file.suffix[1:]), ("", 0))
        made = Counter(re.findall(r"^(\w+)\(", file.read_text(), re.MULTILINE))
        for call, count in made.items():
            points += [Point(role, thread, call, n + 1) for n in range(count)]
    return sorted(point for point in points if point.role)


def kill_at(porch: Porch, point: Point, out: Path) -> Verdict:
    """Ring, kill at the point, let the doorbell recover, and judge."""
    porch.ensure_up()
    heard = len(porch.step.sink.received)
    old = porch.journalled() | porch.told()
    pid = porch.pid(point.role)
    tids = threads(pid)
    if point.thread >= len(tids):
        return Verdict(point, killed=False)
    inject = f"inject={point.call}:signal=KILL:when={point.n}"
    tracer = attach(tids[point.thread], out, "-e", inject)
    press(porch)
    detach(tracer)
    killed = "killed by SIGKILL" in out.read_text()
    porch.ensure_up()
    porch.settle()
    received = [one.key for one in porch.step.sink.received[heard:]]
    keys = Counter(received)
    rung = (porch.journalled() | porch.told()) - old
    return Verdict(
        point,
        killed,
        rung=len(rung),
        lost=sorted(rung - porch.told()),
        resends=sum(keys.values()) - len(keys),
        twice=len(keys) - len({_about(key) for key in keys}),
    )


def _about(key: str) -> tuple[str, str]:
    """Ring and kind; a name, a whole visit and a digest all say the same."""
    ring, _, kind = key.partition("-")
    return ring, "ring" if kind == "ring" else "name"


def table(points: list[Point], verdicts: list[Verdict]) -> str:
    """What the closing note wants to know, a line a process."""
    head = ("process", "points", "tried", "kills", "rung", "lost", "resends", "twice")
    lines = [" ".join(f"{word:>8}" for word in head)]
    for role in (*ROLES, "all"):
        mine = [v for v in verdicts if role in (v.point.role, "all")]
        row = [
            sum(role in (point.role, "all") for point in points),
            len(mine),
            sum(v.killed for v in mine),
            sum(v.rung for v in mine),
            sum(len(v.lost) for v in mine),
            sum(v.resends for v in mine),
            sum(v.twice for v in mine),
        ]
        lines.append(" ".join(f"{word:>8}" for word in (role, *row)))
    bad = [v for v in verdicts if v.lost or v.resends or v.twice]
    lines += [
        f"{v.point}: lost {len(v.lost)}, resends {v.resends}, twice {v.twice}"
        for v in bad
    ]
    return "\n".join(lines)
