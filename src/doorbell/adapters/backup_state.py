"""What of a state directory goes into a backup, while a daemon may be writing it.

Order matters. The checkpoints of the audit log come before its records, so that none
signs more than there is; the database is a snapshot of one moment; a picture that is
deleted meanwhile is left out, as its row says nothing without its key.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, TYPE_CHECKING

from doorbell.adapters.backup_file import read_backup, unlock, write_backup
from doorbell.adapters.durable_file import sync_folder, told_as_storage_error
from doorbell.adapters.master_key import KEY_FILE
from doorbell.adapters.store_database import storage_error
from doorbell.adapters.store_sqlite import DATABASE, PICTURES
from doorbell.core.backup import (
    AUDIT_KEY,
    MASTER_KEY,
    SETTINGS,
    Manifest,
    is_ours,
)
from doorbell.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from doorbell.adapters.backup_file import BackupWriter, Source

AUDIT = "audit"
_BUSY_S = 10.0
_TAIL_BYTES = 1 << 16
_DRAIN_BYTES = 1 << 20


def back_up(  # noqa: PLR0913 - where everything is, put together by wiring
    target: Path,
    passphrase: str,
    *,
    folder: Path,
    keys: dict[str, Path],
    settings: Path | None,
    release: str,
    made_at_s: float | None,
    progress: Callable[[int], None],
) -> Manifest:
    """Write a backup and read it again, whole; an older file is replaced at the end.

    Args:
        target: where it goes.
        passphrase: without which it cannot be opened.
        folder: the state directory; it is only read.
        keys: files of the keys, by their names in the backup.
        settings: the settings file; None if there is none.
        release: version of this program.
        made_at_s: wall seconds since 1970, or None.
        progress: told how many bytes are written by now.

    Raises:
        StorageError: something cannot be read or written; no half backup is left.
        BadInputError: what was written does not read as it should.
    """

    def fill(writer: BackupWriter) -> Manifest:
        done = 0
        with ExitStack() as stack:
            for name, content, size in _parts(stack, folder, keys, settings):
                with content:
                    writer.add(name, content, size)
                done += size
                progress(done)
        return writer.finish(release, made_at_s, os.urandom(16).hex())

    temporary = target.with_name(f".{target.name}.part")
    with told_as_storage_error(str(target)):
        try:
            with open(temporary, "w+b", opener=_private) as out:
                manifest = write_backup(out, passphrase, fill)
                out.flush()
                os.fsync(out.fileno())
                read_backup(out, unlock(out, passphrase), _drain)
            temporary.rename(target)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(target.parent)
    return manifest


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _drain(name: str, size: int, content: Source) -> None:
    del name, size
    while content.read(_DRAIN_BYTES):
        pass


def _parts(
    stack: ExitStack, folder: Path, keys: dict[str, Path], settings: Path | None
) -> Iterator[tuple[str, IO[bytes], int]]:
    if settings is not None:
        yield _opened(SETTINGS, settings)
    for name, path in keys.items():
        if path.exists():
            yield _opened(name, path)
    yield from _audit(folder / AUDIT)
    if (folder / DATABASE).exists():
        yield _opened(DATABASE, _snapshot(stack, folder / DATABASE))
    yield from _pictures(folder)


def _opened(name: str, path: Path) -> tuple[str, IO[bytes], int]:
    content = path.open("rb")
    return name, content, os.fstat(content.fileno()).st_size


def _audit(folder: Path) -> Iterator[tuple[str, IO[bytes], int]]:
    if not folder.is_dir():
        return
    paths = [path for path in folder.iterdir() if is_ours(f"{AUDIT}/{path.name}")]
    for path in sorted(paths, key=lambda path: (path.suffix == ".log", path.name)):
        name, content, size = _opened(f"{AUDIT}/{path.name}", path)
        yield name, content, _whole_lines(content, size)


def _whole_lines(content: IO[bytes], size: int) -> int:
    """Return the size up to the last whole line: the next is just being written."""
    start = max(size - _TAIL_BYTES, 0)
    content.seek(start)
    tail = content.read(size - start)
    content.seek(0)
    return start + tail.rfind(b"\n") + 1 if b"\n" in tail else size


def _snapshot(stack: ExitStack, database: Path) -> Path:
    """Copy the database as it is at one moment, beside a writer."""
    place = stack.enter_context(tempfile.TemporaryDirectory(prefix="doorbell-backup-"))
    copy = Path(place, DATABASE)
    address = f"{database.resolve().as_uri()}?mode=ro"
    try:
        with (
            closing(sqlite3.connect(address, timeout=_BUSY_S, uri=True)) as old,
            closing(sqlite3.connect(copy)) as new,
        ):
            old.backup(new)
            # It stands alone: no log beside it is needed to read it.
            new.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        told = storage_error(error, database)
        raise told or StorageError(f"{database}: {error}") from error
    return copy


def _pictures(folder: Path) -> Iterator[tuple[str, IO[bytes], int]]:
    for path in sorted((folder / PICTURES).glob("*/*")):
        name = str(path.relative_to(folder))
        if is_ours(name):
            try:
                yield _opened(name, path)
            except FileNotFoundError:
                continue


def key_places(folder: Path, master: Path | None, audit: Path) -> dict[str, Path]:
    """Return where the keys are, by their names in a backup."""
    return {MASTER_KEY: master or folder / KEY_FILE, AUDIT_KEY: audit}
