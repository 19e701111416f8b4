"""Backups of this machine's state: where everything is, and what is recorded."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.adapters.backup_state import back_up, key_places
from doorbell.adapters.clock import SystemClock
from doorbell.adapters.erasures import NAME as ERASURES
from doorbell.adapters.journal_files import lock_folder
from doorbell.adapters.restore_state import restore
from doorbell.adapters.state_lock import StateLock
from doorbell.core.errors import StorageError, UnavailableError
from monitoring.logging import instants
from monitoring.logging.audit_errors import AuditUnreachableError
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_log import AuditLog
from monitoring.logging.audit_logger import AuditLogger, OwnRoute
from monitoring.logging.audit_place import AuditPlace, FolderLock
from monitoring.logging.checkpoint import Signer

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.production.production_settings import ProductionSettings
    from doorbell.adapters.restore_state import Restored
    from doorbell.core.backup import Manifest


STOP_ALL = (
    "Stop all of it: `systemctl stop 'doorbell@*' doorbell-button doorbell-audit`."
)


def make_backup(
    settings: ProductionSettings,
    config: Path,
    target: Path,
    passphrase: str,
    progress: Callable[[int], None],
) -> Manifest:
    """Write a backup of everything and read it again; a daemon may be running.

    It holds the keys, so it is recorded in the audit log before it is made.

    Args:
        settings: where everything is.
        config: the settings' file; need not be there.
        target: where the backup goes.
        passphrase: without which it cannot be opened.
        progress: told how many bytes are written by now.

    Raises:
        AuditError: it cannot be recorded, so nothing was written.
        StorageError: something cannot be read or written.
    """
    folder = Path(settings.storage.dir)
    place = AuditPlace.of(settings)
    route = OwnRoute(place, instants.now)
    with closing(AuditLogger(route, instants.now, settings.audit.patience_s)) as audit:
        audit.record("backup.make", obj="state")
    return back_up(
        target,
        passphrase,
        folder=folder,
        keys=_keys(settings),
        settings=config if config.is_file() else None,
        release=version("doorbell-edge"),
        made_at_s=SystemClock().now().wall_s(),
        progress=progress,
    )


def restore_backup(
    settings: ProductionSettings,
    source: Path,
    passphrase: str,
    progress: Callable[[int], None],
) -> Restored:
    """Replace this machine's state by that of a backup; no daemon may be running.

    Raises:
        UnavailableError: a daemon, the button's holder or the audit log's writer
            works on what is replaced.
        BadInputError: the backup cannot be used; nothing was changed.
        StorageError: the disk.
    """
    folder = Path(settings.storage.dir)
    lists = [source.resolve().parent / ERASURES]
    if settings.backup.dir:
        lists.append(Path(settings.backup.dir) / ERASURES)
    with ExitStack() as held:
        held.enter_context(StateLock(folder))
        _take_from_services(held, folder, AuditPlace.of(settings).folder)
        return restore(
            source,
            passphrase,
            folder=folder,
            keys=_keys(settings),
            erasures=lists,
            now=SystemClock().now(),
            open_epoch=_open_epoch,
            progress=progress,
        )


def _take_from_services(held: ExitStack, folder: Path, audit: Path) -> None:
    """Lock what services beside the daemon write: it would be moved away under them."""
    try:
        if audit.is_dir():
            held.enter_context(FolderLock(audit))
        if (journal := folder / "journal").is_dir():
            held.callback(os.close, lock_folder(journal))
    except (AuditUnreachableError, StorageError) as error:
        raise UnavailableError(str(error), hint=STOP_ALL) from error


def _keys(settings: ProductionSettings) -> dict[str, Path]:
    named = settings.storage.key_file
    master = Path(named) if named else None
    audit = AuditPlace.of(settings).key_file
    return key_places(Path(settings.storage.dir), master, audit)


def _open_epoch(folder: Path, key: Path, manifest: Manifest) -> None:
    """Say in the audit log that newer records than these are gone."""
    if not key.exists():
        return
    log = AuditLog(Folder(str(folder)), Signer("", key.read_bytes()), instants.now)
    try:
        made = None if manifest.made_at_s is None else round(manifest.made_at_s)
        log.restored({"backup": manifest.id, "made_at_s": made})
    finally:
        log.close()
