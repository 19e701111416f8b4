"""What the daemon costs while nobody rings: memory, processor, wear of the card."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError
from doorbell.evaluation import sync_calls
from doorbell.evaluation.figures import per_day
from doorbell.evaluation.processes import Usage, usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from doorbell.evaluation.trial import Trial

# What an SD card of 32 GB bears for ten years with a wide margin (issue "Ring").
GOAL_BYTES_A_DAY = 20_000_000
GOAL_SYNCS_A_DAY = 3_000
# Start-up has let go of what it needed, and the camera runs.
SETTLE_S = 5.0
# Settings of the daemon that is watched. What it records of its start is signed a
# minute later by default, in the middle of a window, though it is no cost of a day.
START_SIGNED_SOON = "[audit]\ncheckpoint_s = 1.0"
# Of memory in the first window: recognition takes 11 MiB more for the second after
# each look, so that a single reading would be a matter of luck.
READINGS = 10
IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs"})
KIB = 1024


@dataclass(frozen=True, slots=True)
class IdleProcess:
    """What one process costs.

    Attributes:
        cpu_percent: of one core.
        written_a_day: bytes; None where the file system is in memory.
        syncs_a_day: None where strace is not there, or may not watch.
    """

    role: str
    pss_bytes: int
    cpu_percent: float
    wakeups_a_s: float
    written_a_day: float | None
    syncs_a_day: float | None


def measure(
    trial: Trial, seconds: float, wait: Callable[[float, str], None]
) -> list[IdleProcess]:
    """Watch an idle daemon, a second time under strace where that is installed.

    Args:
        trial: running, with `START_SIGNED_SOON` in its settings.
        seconds: length of each of the two windows.
        wait: sleeps for so many seconds, telling for what.

    Raises:
        UnavailableError: a process ended meanwhile, or is somebody else's.
    """
    wait(SETTLE_S, "settling")
    pids = trial.pids()
    before = {role: usage(pid) for role, pid in pids.items()}
    after = _watched(pids, seconds, wait)
    syncs = None
    if sync_calls.is_possible():
        # Where the kernel forbids to watch, the other figures still count.
        with contextlib.suppress(UnavailableError):
            syncs = sync_calls.count(
                pids, trial.folder, lambda: wait(seconds, "counting fsyncs")
            )
    on_disk = not is_in_memory(trial.state, Path("/proc/self/mounts").read_text())
    return [
        compare(
            role,
            before[role],
            after[role],
            on_disk=on_disk,
            syncs=syncs,
            syncs_s=seconds,
        )
        for role in pids
    ]


def _watched(
    pids: Mapping[str, int], seconds: float, wait: Callable[[float, str], None]
) -> dict[str, Usage]:
    """Let the window pass; returns its end, with the mean of memory over it."""
    found: list[dict[str, Usage]] = []
    for reading in range(1, READINGS + 1):
        what = f"watching memory, processor and disk ({reading}/{READINGS})"
        wait(seconds / READINGS, what)
        found.append({role: usage(pid) for role, pid in pids.items()})
    return {
        role: replace(end, pss_kib=round(mean(one[role].pss_kib for one in found)))
        for role, end in found[-1].items()
    }


def compare(  # noqa: PLR0913 - two readings and how far they can be trusted
    role: str,
    before: Usage,
    after: Usage,
    *,
    on_disk: bool,
    syncs: Mapping[str, int] | None,
    syncs_s: float,
) -> IdleProcess:
    """Make figures of two readings of one process."""
    window_s = after.at_s - before.at_s
    written = after.written_bytes - before.written_bytes
    return IdleProcess(
        role=role,
        pss_bytes=after.pss_kib * KIB,
        cpu_percent=(after.cpu_s - before.cpu_s) * 100 / window_s,
        wakeups_a_s=(after.wakeups - before.wakeups) / window_s,
        written_a_day=per_day(written, window_s) if on_disk else None,
        syncs_a_day=None if syncs is None else per_day(syncs.get(role, 0), syncs_s),
    )


def whole(found: Sequence[IdleProcess]) -> IdleProcess:
    """Return all processes together."""
    return IdleProcess(
        role="together",
        pss_bytes=sum(one.pss_bytes for one in found),
        cpu_percent=sum(one.cpu_percent for one in found),
        wakeups_a_s=sum(one.wakeups_a_s for one in found),
        written_a_day=_total([one.written_a_day for one in found]),
        syncs_a_day=_total([one.syncs_a_day for one in found]),
    )


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def is_within_goals(one: IdleProcess) -> bool:
    """Whether nothing that could be measured wears the card more than it should."""
    return (one.written_a_day or 0.0) <= GOAL_BYTES_A_DAY and (
        one.syncs_a_day or 0.0
    ) <= GOAL_SYNCS_A_DAY


def is_in_memory(path: Path, mounts: str) -> bool:
    """Whether what is written there never reaches a disk.

    Args:
        path: absolute.
        mounts: the content of /proc/self/mounts.
    """
    best, kind = -1, ""
    for line in mounts.splitlines():
        _, where, name, *_ = line.split()
        if path.is_relative_to(where) and len(where) >= best:
            best, kind = len(where), name
    return kind in IN_MEMORY
