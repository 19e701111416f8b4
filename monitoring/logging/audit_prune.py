"""Give up the bodies of old records and keep their hashes.

A file is pruned as a whole, once the file after it was begun long enough ago: then all
its records are older. The chain and every proof still verify; what is gone is what the
records said.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitoring.logging import chain
from monitoring.logging.audit_files import HASHES
from monitoring.logging.audit_files import split as split_lines
from monitoring.logging.audit_opening import read_opening

if TYPE_CHECKING:
    from monitoring.logging.audit_files import Folder, Name
    from monitoring.logging.chain import Instant

DAYS_PER_MONTH = 30.44


@dataclass(frozen=True, slots=True)
class Pruned:
    """A file whose bodies are gone."""

    name: Name
    records: int


def prune(folder: Folder, now: Instant, keep_months: int) -> list[Pruned]:
    """Prune every file that is old enough; nothing while the clock may be wrong.

    Args:
        folder: of the log; its lock is held.
        now: whose wall clock decides.
        keep_months: 0 for never.

    Raises:
        OSError: a file could not be read or written; what was done is whole.
    """
    if not keep_months or not now.synced:
        return []
    today = datetime.fromisoformat(chain.timestamp(now.wall_ns))
    before = today - timedelta(days=keep_months * DAYS_PER_MONTH)
    names = folder.listing().records
    done = []
    for name, following in itertools.pairwise(names):
        if HASHES in {name.kind, following.kind}:
            continue
        count = following.first - name.first
        if _begun(folder, following) >= before or not count:
            break
        _reduce(folder, name, count)
        done.append(Pruned(name, count))
    return done


def _begun(folder: Folder, name: Name) -> datetime:
    lines, _ = split_lines(folder.read(name))
    try:
        return datetime.fromisoformat(read_opening(lines[0]).opened)
    except (chain.RecordError, IndexError, ValueError) as error:
        # Whatever this is, `verify` has to see it as it is.
        raise OSError(0, f"{name} does not begin as it should") from error


def _reduce(folder: Folder, name: Name, count: int) -> None:
    lines, _ = split_lines(folder.read(name))
    hashes = b"".join(chain.leaf_hash(line) for line in lines[:count])
    folder.replace(name.with_kind(HASHES), hashes)
    folder.disk.unlink(folder(name))
    folder.sync()
