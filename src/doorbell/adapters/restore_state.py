"""Brings a backup back: into a folder of its own, and into place once it is whole.

The database goes into place last: a restore that was cut short leaves no state that a
daemon would take for whole, and can be begun again.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.adapters.backup_file import read_backup, unlock
from doorbell.adapters.durable_file import (
    make_folder,
    sync_folder,
    told_as_storage_error,
)
from doorbell.adapters.erasures import read_erasures
from doorbell.adapters.master_key import KEY_FILE
from doorbell.adapters.store_schema import set_meta
from doorbell.adapters.store_sqlite import DATABASE, Store, StoreOptions
from doorbell.core.backup import AUDIT_KEY, MASTER_KEY, SETTINGS, Manifest
from doorbell.core.errors import BadInputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from doorbell.adapters.backup_file import Source
    from doorbell.core.stamp import Stamp

STAGING = "restoring"
ASIDE = "before-restore"
STATE = ("audit", "keys", "pictures", "journal", "reserve", DATABASE)
LOGS = (f"{DATABASE}-wal", f"{DATABASE}-shm")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back.

    Attributes:
        manifest: of the backup.
        erased: people it held who had been erased since, and are erased again.
        settings: where the settings file of the backup was put; None if it held none.
        aside: where the state from before is; None if there was none.
    """

    manifest: Manifest
    erased: int
    settings: Path | None
    aside: Path | None


def restore(  # noqa: PLR0913 - where everything is, put together by wiring
    source: Path,
    passphrase: str,
    *,
    folder: Path,
    keys: Mapping[str, Path],
    erasures: Sequence[Path],
    now: Stamp,
    open_epoch: Callable[[Path, Path, Manifest], None],
    progress: Callable[[int], None],
) -> Restored:
    """Replace the state in `folder` by that of a backup.

    The caller holds the lock on `folder`.

    Args:
        source: the backup.
        passphrase: it was made with.
        folder: the state directory.
        keys: where keys are to be, by their names in the backup.
        erasures: lists of erased people that may be newer than the backup.
        now: noted with them.
        open_epoch: records in the audit log (folder, key) that this is a restored one.
        progress: told how many bytes are there by now.

    Raises:
        BadInputError: the backup cannot be used; nothing was changed.
        StorageError: the disk; a state that was there is there still, or in `ASIDE`.
    """
    staging = folder / STAGING
    with told_as_storage_error(str(folder)):
        shutil.rmtree(staging, ignore_errors=True)
        make_folder(staging)
        try:
            manifest = _unpack(source, passphrase, staging, progress)
            erased = _settle(staging, erasures, now)
            open_epoch(staging / "audit", staging / AUDIT_KEY, manifest)
            aside = _move_aside(folder)
            settings = _put_in_place(staging, folder, keys)
            _give_to_owner(folder, keys)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Restored(manifest, erased, settings, aside)


def _unpack(
    source: Path, passphrase: str, staging: Path, progress: Callable[[int], None]
) -> Manifest:
    done = 0

    def take(name: str, size: int, content: Source) -> None:
        nonlocal done
        if size > shutil.disk_usage(staging).free:
            msg = f"there is no room for {name}, {size >> 20} MiB"
            raise StorageError(msg, hint="Make room, and try again.")
        path = staging / name
        make_folder(path.parent)
        with open(path, "xb", opener=_private) as file:
            while data := content.read(_CHUNK):
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        done += size
        progress(done)

    try:
        with source.open("rb") as file:
            manifest = read_backup(file, unlock(file, passphrase), take)
    except FileExistsError as error:
        msg = "the backup holds a file twice"
        raise BadInputError(msg, hint="Try another backup.") from error
    if not (staging / DATABASE).exists() or not (staging / MASTER_KEY).exists():
        msg = "the backup holds no state.db, or not its key"
        raise BadInputError(msg, hint="Try another backup.")
    return manifest


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _settle(staging: Path, erasures: Sequence[Path], now: Stamp) -> int:
    """Open it once, as a daemon would, and erase again who was erased meanwhile."""
    # The journal of rings begins anew: its numbers are below the old cursor.
    with closing(sqlite3.connect(staging / DATABASE)) as connection:
        set_meta(connection, "cursor", 0)
        connection.commit()
    gone = [one for path in erasures for one in read_erasures(path, now)]
    store = Store.open(staging, StoreOptions(key_file=staging / KEY_FILE))
    try:
        return store.honour_tombstones(gone)
    finally:
        store.close()


def _move_aside(folder: Path) -> Path | None:
    there = [name for name in (*STATE, *LOGS) if (folder / name).exists()]
    if not there:
        return None
    aside = folder / ASIDE
    shutil.rmtree(aside, ignore_errors=True)
    make_folder(aside)
    # The database first: a cut between two of these must not leave half a state.
    for name in sorted(there, key=lambda name: not name.startswith(DATABASE)):
        (folder / name).rename(aside / name)
    sync_folder(folder)
    return aside


def _put_in_place(staging: Path, folder: Path, keys: Mapping[str, Path]) -> Path | None:
    for name, path in keys.items():
        if (staging / name).exists() and path != folder / name:
            make_folder(path.parent)
            shutil.move(staging / name, path)
            sync_folder(path.parent)
    for name in STATE:
        if (staging / name).exists():
            (staging / name).rename(folder / name)
            sync_folder(folder)
    settings = staging / SETTINGS
    if not settings.exists():
        return None
    kept = folder / f"{SETTINGS}.restored"
    settings.rename(kept)
    sync_folder(folder)
    return kept


def _give_to_owner(folder: Path, keys: Mapping[str, Path]) -> None:
    """Give what root brought back to whom the state belongs: the daemon is not root."""
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    for path in (*folder.rglob("*"), *keys.values()):
        with suppress(FileNotFoundError):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
