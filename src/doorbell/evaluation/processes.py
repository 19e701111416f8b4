"""What the kernel says of running processes, from /proc."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from doorbell.core.errors import UnavailableError

PROC = Path("/proc")
# Fields of /proc/PID/stat behind the name, which may itself hold spaces (proc(5)).
_UTIME, _STIME = 11, 12


@dataclass(frozen=True, slots=True)
class Usage:
    """One process at one instant.

    Attributes:
        at_s: monotonic time of the reading.
        rss_kib: resident, shared pages counted whole.
        pss_kib: resident, each shared page divided by those who share it.
        cpu_s: processor time since its start.
        wakeups: times it began to run again after waiting, by all threads.
        written_bytes: sent towards the disk; 0 on a file system in memory.
    """

    at_s: float
    rss_kib: int
    pss_kib: int
    cpu_s: float
    wakeups: int
    written_bytes: int


def usage(pid: int) -> Usage:
    """Read what a process uses.

    Raises:
        UnavailableError: it is gone, or belongs to somebody else.
    """
    folder = PROC / str(pid)
    try:
        memory = (folder / "smaps_rollup").read_text()
        stat = (folder / "stat").read_text()
        disk = (folder / "io").read_text()
        tasks = [(task / "status").read_text() for task in (folder / "task").iterdir()]
    except OSError as error:
        msg = f"process {pid} cannot be measured: {error.strerror}"
        raise UnavailableError(msg) from error
    return Usage(
        at_s=time.monotonic(),
        rss_kib=number(memory, "Rss"),
        pss_kib=number(memory, "Pss"),
        cpu_s=cpu_ticks(stat) / os.sysconf("SC_CLK_TCK"),
        wakeups=sum(number(task, "voluntary_ctxt_switches") for task in tasks),
        written_bytes=number(disk, "write_bytes"),
    )


def number(text: str, name: str) -> int:
    """Return the number behind `name:` at the begin of a line; 0 without one."""
    found = re.search(rf"^{name}:\s*(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def cpu_ticks(stat: str) -> int:
    """Return user and system time from /proc/PID/stat, in clock ticks."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[_UTIME]) + int(fields[_STIME])


def threads(pid: int) -> set[int]:
    """Return the ids of its threads; none of a process that is gone."""
    try:
        return {int(entry.name) for entry in (PROC / str(pid) / "task").iterdir()}
    except OSError:
        return set()


def is_watched(pid: int) -> bool:
    """Whether a tracer sees all calls of all its threads from now on."""
    try:
        tasks = [task / "status" for task in (PROC / str(pid) / "task").iterdir()]
        return all(number(task.read_text(), "TracerPid") for task in tasks)
    except OSError:
        return False
