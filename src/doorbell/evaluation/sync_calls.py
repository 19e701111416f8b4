"""Count how often processes make the disk sync, by looking over their shoulder.

There is no counter of fsyncs in /proc, so strace watches for a while. It slows what
it watches: measure time and processor share at another moment.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError
from doorbell.evaluation.processes import is_watched, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

CALLS = ("fsync", "fdatasync", "sync_file_range", "msync", "syncfs", "sync")
# `1234  fsync(5) = 0`; the second half of a call cut in two says `<... resumed>`.
_CALL = re.compile(rf"^(\d+)\s+({'|'.join(CALLS)})\(", re.MULTILINE)
ATTACH_S, POLL_S, END_S = 10.0, 0.02, 5.0


def is_possible() -> bool:
    """Whether strace is installed."""
    return shutil.which("strace") is not None


def count(
    pids: Mapping[str, int], folder: Path, meanwhile: Callable[[], object]
) -> dict[str, int]:
    """Count the calls of each process while `meanwhile` runs.

    Args:
        pids: by the name under which they are reported.
        folder: where strace may write its record.
        meanwhile: returns when enough was seen.

    Raises:
        UnavailableError: strace may not watch them.
    """
    record = folder / "sync-calls"
    command = [
        "strace",
        "-q",
        "-f",
        "-e",
        f"trace={','.join(CALLS)}",
        "-o",
        str(record),
    ]
    for pid in pids.values():
        command += ["-p", str(pid)]
    watcher = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    try:
        _until_watching(watcher, pids.values())
        refused = watcher.poll() is not None
        if not refused:
            meanwhile()
    finally:
        owners = {t: role for role, pid in pids.items() for t in threads(pid)}
        watcher.send_signal(signal.SIGINT)
        _, words = watcher.communicate(timeout=END_S)
    if refused:
        msg = f"strace cannot watch: {words.decode(errors='replace').strip()}"
        raise UnavailableError(msg, hint="Run it as root, or allow ptrace.")
    return tally(record.read_text(), owners, pids)


def _until_watching(watcher: subprocess.Popen[bytes], pids: Collection[int]) -> None:
    """Wait until no call can be missed any more; ends early with the watcher."""
    deadline_s = time.monotonic() + ATTACH_S
    while watcher.poll() is None and time.monotonic() < deadline_s:
        if all(is_watched(pid) for pid in pids):
            return
        time.sleep(POLL_S)


def tally(
    record: str, owners: Mapping[int, str], roles: Mapping[str, int]
) -> dict[str, int]:
    """Count calls by role; those of threads that have ended belong to `other`."""
    counts = dict.fromkeys(roles, 0)
    for thread, _ in _CALL.findall(record):
        role = owners.get(int(thread), "other")
        counts[role] = counts.get(role, 0) + 1
    return counts
