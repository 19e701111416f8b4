"""Lives of the audit log on a disk that loses its power, and what each must keep.

One life opens the log, appends batches, signs checkpoints and is cut off anywhere,
sometimes after the disk refused a call. After it a log must read as intact or torn,
never as changed, with every record in it that was acknowledged.
"""

from __future__ import annotations

import contextlib
import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simfs import PowerCut, SimFS

from monitoring.logging import chain
from monitoring.logging.audit_errors import AuditUnreadableError, AuditUnwritableError
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_log import AuditLog, Limits
from monitoring.logging.audit_verify import INTACT, TORN, all_checkpoints, verify
from monitoring.logging.checkpoint import Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Opener = Callable[[SimFS], AuditLog]

PAD = "x" * 90
SIGNER = Signer("", b"k" * 32)
FOLDER = "audit"
CHUNK = 200
# Small enough that a life of a few batches begins several files.
LIMITS = Limits(checkpoint_records=4, rotate_bytes=2500)
# How often the machine is switched on again, for most seeds once.
LIVES = (1, 1, 1, 2, 4)


@dataclass
class Instant:
    """A clock that a test moves."""

    boot_id: str = "b0" * 16
    mono_ns: int = 0
    wall_ns: int = 1_790_000_000_000_000_000
    synced: bool = True


@dataclass
class Ledger:
    """What the log has promised: bytes by number, and what it signed."""

    disk: SimFS
    acknowledged: dict[int, bytes] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    checkpoints: list[tuple[int, bytes]] = field(default_factory=list)

    def stored(self) -> dict[int, bytes]:
        """Read every line that counts, by its number."""
        folder = Folder(FOLDER, self.disk)
        names = folder.listing().logs
        found = {}
        for place, name in enumerate(names):
            end = names[place + 1].first if place + 1 < len(names) else None
            lines = folder.read(name).split(b"\n")[:-1]
            count = None if end is None else end - name.first
            found.update(dict(enumerate(lines[:count], name.first)))
        return found

    def newest_lines(self, count: int) -> list[bytes]:
        """Last lines of the newest file."""
        folder = Folder(FOLDER, self.disk)
        name = folder.listing().logs[-1]
        return self.disk.content(folder(name)).split(b"\n")[-1 - count : -1]


class Broken(AssertionError):  # noqa: N818 - a verdict
    """A promise was not kept."""


def live(ledger: Ledger, number: int, open_log: Opener) -> None:
    """One life: open, append, sign, until the power fails."""
    disk = ledger.disk
    disk.cut_at(disk.random.randrange(60))
    _plan_faults(disk)
    with contextlib.suppress(PowerCut, AuditUnwritableError, OSError):
        log = open_log(disk)
        for batch in range(disk.random.randrange(1, 8)):
            _append(ledger, log, f"{number}.{batch}")
            if log.due_s() == 0.0:
                with contextlib.suppress(AuditUnwritableError):
                    signed = log.checkpoint()
                    ledger.checkpoints.append((signed.size, signed.root))
    disk.reboot()


def _plan_faults(disk: SimFS) -> None:
    for _ in range(disk.random.choice((0, 0, 1, 3))):
        call = disk.random.choice(("write", "fsync", "open", "ftruncate"))
        code = disk.random.choice((errno.EIO, errno.ENOSPC))
        disk.fail(call, disk.random.randrange(12), code)


def _append(ledger: Ledger, log: AuditLog, name: str) -> None:
    count = ledger.disk.random.randrange(1, 5)
    entries = [
        chain.entry("test.done", Instant(), obj=f"{name}.{i}", ctx={"pad": i * PAD})
        for i in range(count)
    ]
    with contextlib.suppress(AuditUnwritableError):
        first = log.append(entries)
        # What the bytes must be is known only from the log itself, right after.
        lines = ledger.newest_lines(len(entries))
        for seq, (wanted, line) in enumerate(zip(entries, lines, strict=True), first):
            if f'"obj":"{wanted.obj}"'.encode() not in line:
                msg = f"record {seq} is not {wanted.obj}"
                raise Broken(msg)
            ledger.acknowledged[seq] = line


def judge(ledger: Ledger, *, after: str) -> None:
    """Check every promise on the disk as it is."""
    folder = Folder(FOLDER, ledger.disk)
    if not ledger.acknowledged and not folder.listing().records:
        return
    try:
        report = verify(folder)
    except AuditUnreadableError as error:
        msg = f"after {after}: {error}"
        raise Broken(msg) from error
    if report.code not in {INTACT, TORN}:
        msg = f"after {after} an honest log is called {report.findings}"
        raise Broken(msg)
    stored = ledger.stored()
    for seq, line in ledger.acknowledged.items():
        if seq >= report.size or stored.get(seq) != line:
            msg = f"after {after} record {seq} of {report.size} is lost"
            raise Broken(msg)
    notes = {(note.size, note.root) for note in all_checkpoints(folder)}
    if not set(ledger.checkpoints) <= notes:
        msg = f"after {after} a checkpoint is lost"
        raise Broken(msg)


def open_log(disk: SimFS) -> AuditLog:
    """Open as the writer does."""
    return AuditLog(Folder(FOLDER, disk), SIGNER, Instant, LIMITS)


def run(seed: int, opener: Opener = open_log) -> int:
    """Live several lives with one seed; returns how many records were acknowledged.

    Raises:
        Broken: a promise was not kept.
    """
    disk = SimFS(seed)
    disk.plant(f"{FOLDER}/lock", b"")
    ledger = Ledger(disk)
    for number in range(disk.random.choice(LIVES)):
        live(ledger, number, opener)
        judge(ledger, after=f"life {number} of seed {seed}")
    with contextlib.suppress(AuditUnwritableError):
        opener(disk).close()
        judge(ledger, after=f"the repair of seed {seed}")
        report = verify(Folder(FOLDER, disk))
        if report.code != INTACT:
            msg = f"seed {seed} is not intact after its repair: {report.findings}"
            raise Broken(msg)
    return len(ledger.acknowledged)


def failures(seeds: Iterator[int], opener: Opener) -> Iterator[tuple[int, str]]:
    """Seeds that break a promise, and which."""
    for seed in seeds:
        try:
            run(seed, opener)
        except Broken as broken:
            yield seed, str(broken)


def chunk(start: int) -> tuple[int, int, list[str]]:
    """Run a chunk of seeds: how many, records acknowledged, broken promises."""
    acknowledged, broken = 0, []
    for seed in range(start, start + CHUNK):
        try:
            acknowledged += run(seed)
        except Broken as error:
            broken.append(str(error))
    return CHUNK, acknowledged, broken
