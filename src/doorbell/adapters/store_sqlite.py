"""Durable state of the doorbell: one SQLite database, a folder of pictures, one key.

    <dir>/state.db          visits, outbox, people; what is personal in it is sealed
    <dir>/pictures/…        one sealed file per visit
    <dir>/keys/master.key   opens all of it
    <dir>/reserve           room given up when the disk is full

Whoever writes it holds `state_lock.StateLock` on the directory; this module does not
take it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from doorbell.adapters.durable_file import make_folder
from doorbell.adapters.master_key import (
    KEY_FILE,
    create_master_key,
    discard_half_made,
    read_master_key,
)
from doorbell.adapters.picture_folder import PictureFolder
from doorbell.adapters.reserve import Reserve
from doorbell.adapters.store_database import Database, create_database
from doorbell.adapters.store_outbox import OutboxRows
from doorbell.adapters.store_people import PeopleRows
from doorbell.adapters.store_room import RoomKeeping
from doorbell.adapters.store_schema import meta, set_meta
from doorbell.adapters.store_visits import VisitRows
from doorbell.adapters.vault import WRONG_KEY_HINT, Vault
from doorbell.core.errors import DiskFullError, StorageError
from doorbell.core.retention import RetentionLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

DATABASE = "state.db"
PICTURES = "pictures"


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How a store is opened.

    Attributes:
        key_file: the master key; None for `keys/master.key` in the state directory.
        limits: how long and how much is kept.
        reserve_bytes: room kept back for a full disk.
        busy_s: how long another program may hold the database.
        random: source of keys, nonces and ids.
    """

    key_file: Path | None = None
    limits: RetentionLimits = field(default_factory=RetentionLimits)
    reserve_bytes: int = 4 << 20
    busy_s: float = 2.0
    random: Callable[[int], bytes] = os.urandom


class Store(VisitRows, OutboxRows, PeopleRows, RoomKeeping):
    """`ports.store.StateStore` on disk; used from the thread that opened it."""

    __slots__ = ()

    @classmethod
    def open(cls, folder: Path, options: StoreOptions | None = None) -> Self:
        """Open the state in `folder`, making it where there is none.

        It can be called again after it failed: nothing is left behind, and what it
        found damaged is neither replaced nor moved.

        Raises:
            StorageError: it cannot be used now; the hint says what would help. The
                hub goes on without durable state.
            NewerStateError: a newer release wrote it.
        """
        chosen = options or StoreOptions()
        make_folder(folder)
        reserve = Reserve(folder, chosen.reserve_bytes)
        try:
            return cls._assemble(folder, chosen, reserve)
        except DiskFullError:
            if not reserve.give_up():
                raise
            return cls._assemble(folder, chosen, reserve)

    def close(self) -> None:
        """See the port."""
        self.database.close()

    @classmethod
    def _assemble(cls, folder: Path, options: StoreOptions, reserve: Reserve) -> Self:
        vault = _vault(folder, options)
        database = Database(folder / DATABASE, options.busy_s)
        store = cls(
            database=database,
            vault=vault,
            pictures=PictureFolder(folder / PICTURES),
            reserve=reserve,
            limits=options.limits,
            reserve_bytes=options.reserve_bytes,
            random=options.random,
        )
        try:
            _check_key(database, vault)
            store.tidy()
        except BaseException:
            database.close()
            raise
        return store


def _vault(folder: Path, options: StoreOptions) -> Vault:
    """Read the key, making key and database where neither is."""
    key_file = options.key_file or folder / KEY_FILE
    database = folder / DATABASE
    discard_half_made(key_file)
    if os.path.lexists(database):
        return Vault(read_master_key(key_file), options.random)
    _refuse_orphans(folder)
    if os.path.lexists(key_file):
        key = read_master_key(key_file)
    else:
        key = create_master_key(key_file, options.random)
    create_database(database)
    return Vault(key, options.random)


def _refuse_orphans(folder: Path) -> None:
    """A state directory that has lost its database is not silently begun anew."""
    left = [folder / f"{DATABASE}-wal", *(folder / PICTURES).glob("*/*")]
    for path in left:
        if path.exists():
            msg = f"{folder / DATABASE} is gone, but {path} is still there"
            raise StorageError(
                msg,
                hint=f"Restore a backup, or move {DATABASE}* and {PICTURES} away "
                "to begin anew.",
            )


def _check_key(database: Database, vault: Vault) -> None:
    """Bind the database to its master key, or see that it is still the same."""
    with database.read() as connection:
        stored = meta(connection, "master_key")
    if stored is None:
        with database.write() as connection:
            set_meta(connection, "master_key", vault.fingerprint)
    elif stored != vault.fingerprint:
        msg = "the master key is not the one this state was written with"
        raise StorageError(msg, hint=WRONG_KEY_HINT)
