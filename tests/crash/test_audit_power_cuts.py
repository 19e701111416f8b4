"""The audit log loses its power, everywhere and often, and keeps what it promised.

Each seed is a fate of a simulated disk (`simfs`). Five mistakes that a writer of such
logs can make are planted, and each must be found: a test that cannot see them proves
nothing.
"""

from __future__ import annotations

import itertools
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context  # noqa: TID251 - no locks are shared: seeds in, verdicts out
from pathlib import Path
from typing import TYPE_CHECKING

import audit_life
import pytest
from audit_life import FOLDER, LIMITS, SIGNER, Instant

from monitoring.logging import chain
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_log import AuditLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simfs import SimFS

    from monitoring.logging.chain import Entry

FULL = bool(os.environ.get("FULL"))
# Of the long form. The short one ends when its time is up.
FIRST_SEED = int(os.environ.get("AUDIT_FIRST_SEED", "0"))
SEEDS = int(os.environ.get("AUDIT_SEEDS", "100000"))
SHORT_S = 40.0
# By then each planted mistake is found, with a wide margin.
MUTANT_SEEDS = 400
REPORT = Path(__file__).parents[2] / ".cache" / "reports" / "audit-power-cuts.txt"

pytestmark = [pytest.mark.crash, pytest.mark.timeout(1800)]


def test_no_acknowledged_record_is_lost_and_no_honest_log_is_called_changed() -> None:
    began_s = time.monotonic()
    seeds = acknowledged = 0
    broken: list[str] = []
    starts = iter(range(FIRST_SEED, FIRST_SEED + SEEDS, audit_life.CHUNK))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        while not broken and (FULL or time.monotonic() - began_s < SHORT_S):
            batch = list(itertools.islice(starts, 4))
            if not batch:
                break
            for count, acks, found in pool.map(audit_life.chunk, batch):
                seeds, acknowledged = seeds + count, acknowledged + acks
                broken += found
    took_s = time.monotonic() - began_s
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(
        f"{seeds} seeds, {acknowledged} records acknowledged, none lost; "
        f"{seeds / took_s:.0f} seeds/s on two processes\n"
    )
    assert not broken, broken[:3]
    assert seeds == SEEDS or not FULL


class Silent:
    """A disk whose fsync does nothing."""

    def __init__(self, disk: SimFS) -> None:
        self._disk = disk

    def fsync(self, fd: int) -> None:
        del fd

    def __getattr__(self, name: str) -> object:
        return getattr(self._disk, name)


class UnsyncedFolder(Folder):
    """A folder whose new names are never synced."""

    def sync(self) -> None:
        return


class HastyLog(AuditLog):
    """Acknowledges what it wrote, and syncs it with the next records."""

    def _commit(self, entries: Sequence[Entry]) -> None:
        if self._trouble or self._is_dirty or self._is_full():
            super()._commit(entries)
            return
        self._folder.disk.fsync(self._fd)
        lines, hashes = self._chained(entries)
        self._write(lines)
        self._grow(lines, hashes)


class RestartedLog(AuditLog):
    """Begins a new chain behind a torn end."""

    def _cut(self) -> None:
        super()._cut()
        self._last = chain.GENESIS


class ForgetfulLog(AuditLog):
    """Takes the number of the last record again after a torn end."""

    _again = 0

    def _cut(self) -> None:
        super()._cut()
        self._again = 1

    def _chained(self, entries: Sequence[Entry]) -> tuple[list[bytes], list[bytes]]:
        lines, hashes, prev = [], [], self._last
        for seq, entry in enumerate(entries, max(self.size - self._again, 0)):
            line = chain.encode(entry, seq, prev)
            hashes.append(chain.leaf_hash(line))
            prev = hashes[-1].hex()
            lines.append(line)
        return lines, hashes


def without_fsync(disk: SimFS) -> AuditLog:
    quiet: object = Silent(disk)
    return AuditLog(Folder(FOLDER, quiet), SIGNER, Instant, LIMITS)  # type: ignore[arg-type] # it has what a disk has


def without_folder_fsync(disk: SimFS) -> AuditLog:
    return AuditLog(UnsyncedFolder(FOLDER, disk), SIGNER, Instant, LIMITS)


def mutant(kind: type[AuditLog]) -> audit_life.Opener:
    return lambda disk: kind(Folder(FOLDER, disk), SIGNER, Instant, LIMITS)


MUTANTS = {
    "no fsync": without_fsync,
    "no fsync of the folder": without_folder_fsync,
    "acknowledged before the fsync": mutant(HastyLog),
    "chain restarted after a torn end": mutant(RestartedLog),
    "number used again": mutant(ForgetfulLog),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_mistake_is_found(name: str) -> None:
    found = audit_life.failures(iter(range(MUTANT_SEEDS)), MUTANTS[name])
    first = next(found, None)
    assert first is not None, f"{name} survived {MUTANT_SEEDS} seeds"


def test_the_writer_itself_survives_the_seeds_that_kill_the_mutants() -> None:
    found = audit_life.failures(iter(range(MUTANT_SEEDS)), audit_life.open_log)
    assert next(found, None) is None
