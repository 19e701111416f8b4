"""How fast the audit log is written and verified on this machine's disk.

Written through the writer's own process and socket, by as many clients at once as are
asked for, each waiting for its acknowledgement. A slow card is imitated by `strace`,
which lets every fsync take longer.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError
from doorbell.testing.waiting import until
from monitoring.logging import chain, instants
from monitoring.logging.audit_channel import Append, Channel, Recorded, host_at
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_log import AuditLog
from monitoring.logging.audit_verify import verify
from monitoring.logging.checkpoint import Signer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEED = bytes(32)
BATCH = 256
START_S = 20.0


@dataclass(frozen=True, slots=True)
class Appending:
    """How many records were acknowledged.

    Attributes:
        writers: clients at once.
        fsync_ms: added to each fsync; 0 for the disk as it is.
    """

    writers: int
    fsync_ms: int
    per_s: float


@dataclass(frozen=True, slots=True)
class Verifying:
    """How long it took to verify a log.

    Attributes:
        chain_s: bytes, chain, tree and signature.
        every_field_s: the same, and each record parsed.
        chain_cpu_s: what of `chain_s` was not waiting for others on this machine.
    """

    records: int
    bytes_each: float
    chain_s: float
    every_field_s: float
    chain_cpu_s: float


def _entry(number: int) -> chain.Entry:
    face = {"decision": "unknown", "person": ""}
    return chain.entry(
        "visit.decided",
        instants.now(),
        obj=f"visit:{number:032x}",
        out="unknown",
        ctx={"reason": "", "faces": [face]},
    )


def measure_verify(home: Path, records: int) -> Verifying:
    """Write a log of so many decisions below `home` and verify it in both ways."""
    from monitoring.logging.audit_verify import Trust  # noqa: PLC0415 - with its use

    folder = Folder(str(home))
    one = _entry(0)
    log = AuditLog(folder, Signer("", SEED), instants.now)
    while log.size < records:
        log.append([one] * min(BATCH, records - log.size))
        log.checkpoint()
    log.close()
    size = sum(path.stat().st_size for path in home.glob("*.log"))
    times, cpu = [], []
    for every_field in (False, True):
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        report = verify(folder, Trust(every_field=every_field))
        times.append(time.monotonic() - began_s)
        cpu.append(time.process_time() - began_cpu_s)
        if report.code or report.size != log.size:
            msg = f"the log that was just written does not verify: {report.findings}"
            raise UnavailableError(msg)
    return Verifying(records, size / records, times[0], times[1], cpu[0])


def measure_appends(
    home: Path, writers: int, seconds: float, fsync_ms: int = 0
) -> Appending:
    """Let so many clients record one thing after the other, for a while."""
    with _writer(home, fsync_ms) as socket:
        end_s = time.monotonic() + seconds
        counts = [0] * writers
        threads = [
            threading.Thread(target=_client, args=(socket, end_s, counts, place))
            for place in range(writers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return Appending(writers, fsync_ms, sum(counts) / seconds)


def _client(socket: Path, end_s: float, counts: list[int], place: int) -> None:
    with contextlib.closing(Channel(socket, START_S)) as channel:
        while time.monotonic() < end_s:
            if isinstance(channel.ask(Append([_entry(place)])), Recorded):
                counts[place] += 1


@contextlib.contextmanager
def _writer(home: Path, fsync_ms: int) -> Iterator[Path]:
    """Run the writer's process, under strace if its fsync is to be slow."""
    home.mkdir(parents=True)
    config = home / "doorbell.toml"
    config.write_text(f'[storage]\ndir = "{home}"\n[log]\nlevel = "error"\n')
    module = "monitoring.logging.audit_writer"
    command = [sys.executable, "-m", module, "--config", str(config)]
    process = subprocess.Popen(
        [*_slowly(fsync_ms), *command], stderr=subprocess.DEVNULL
    )
    socket = home / "audit" / "writer.sock"
    try:
        until(lambda: host_at(socket), START_S, "a writer of the audit log")
        yield socket
    finally:
        _end(process, home)
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end(process: subprocess.Popen[bytes], home: Path) -> None:
    """Ask the writer itself to end: without its tracer it could not sync any more."""
    try:
        os.kill(int((home / "audit" / "lock").read_text()), signal.SIGTERM)
    except (OSError, ValueError):
        process.terminate()


def _slowly(fsync_ms: int) -> list[str]:
    if not fsync_ms:
        return []
    strace = shutil.which("strace")
    if strace is None:
        msg = "strace is not installed, so no slow card can be imitated"
        raise UnavailableError(msg, hint="Leave out --fsync-ms, or install strace.")
    delay = f"inject=fsync:delay_exit={fsync_ms * 1000}"
    # Only fsync is stopped at: the other calls are as fast as ever.
    quick = [strace, "-f", "--seccomp-bpf", "-o", "/dev/null"]
    return [*quick, "-e", "trace=fsync", "-e", delay]
