"""Where the audit log of this machine is: folder, keys, socket, lock."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from config.errors import Mistake, SettingsError
from monitoring.logging.audit_errors import AuditUnreachableError, AuditUnreadableError
from monitoring.logging.audit_files import LOCK_NAME, Folder
from monitoring.logging.audit_log import Limits
from monitoring.logging.checkpoint import CheckpointError, Signer, Verifier

if TYPE_CHECKING:
    from config.production.production_settings import ProductionSettings

KEY_BYTES = 32
_PID_DIGITS = 20
_TOO_OPEN = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP


@dataclass(frozen=True, slots=True)
class AuditPlace:
    """Where everything is.

    Attributes:
        folder: of the log.
        key_file: private key of the checkpoints.
        socket: where the writer listens.
        limits: of files and checkpoints.
        keep_months: age at which bodies are pruned; 0 for never.
        witness_url: empty for none.
        witness: public key of the witness; None to take its answer unsigned.
    """

    folder: Path
    key_file: Path
    socket: Path
    limits: Limits = field(default_factory=Limits)
    keep_months: int = 0
    witness_url: str = ""
    witness: Verifier | None = None

    @staticmethod
    def of(settings: ProductionSettings) -> AuditPlace:
        """The place the settings name.

        Raises:
            SettingsError: the key of the witness is none.
        """
        audit, state = settings.audit, Path(settings.storage.dir)
        folder = state / "audit"
        return AuditPlace(
            folder=folder,
            key_file=Path(audit.key_file or state / "keys" / "audit.key"),
            socket=Path(audit.socket or folder / "writer.sock"),
            limits=Limits(
                checkpoint_s=audit.checkpoint_s,
                checkpoint_records=audit.checkpoint_records,
                rotate_bytes=audit.rotate_mib << 20,
            ),
            keep_months=audit.keep_months,
            witness_url=audit.witness_url,
            witness=_witness(audit.witness_key),
        )

    @property
    def log(self) -> Folder:
        """The folder as the log's code takes it."""
        return Folder(str(self.folder))

    def make(self) -> None:
        """Make the folders, for their owner only, durably.

        Raises:
            OSError: that is not possible.
        """
        for folder in (self.folder, self.key_file.parent):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                Folder(str(folder.parent)).sync()

    def give_to_owner(self) -> None:
        """Give what root has made here to whom the folder belongs."""
        if os.geteuid() != 0:
            return
        owner = self.folder.stat()
        for path in (*self.folder.iterdir(), self.key_file):
            with suppress(FileNotFoundError):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def signer(self) -> Signer:
        """The key that signs checkpoints, made if there is none.

        Raises:
            OSError: it cannot be read or made.
            AuditUnreadableError: the file is no key, or open to others.
        """
        try:
            return self._read_signer()
        except FileNotFoundError:
            self.make()
            folder = Folder(str(self.key_file.parent))
            folder.replace(self.key_file.name, os.urandom(KEY_BYTES))
        return self._read_signer()

    def _read_signer(self) -> Signer:
        descriptor = os.open(self.key_file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            seed = os.read(descriptor, KEY_BYTES + 1)
        finally:
            os.close(descriptor)
        if len(seed) != KEY_BYTES or mode & _TOO_OPEN:
            msg = f"{self.key_file} is no key of 32 bytes that only its owner can read"
            hint = f"Run `chmod 600 {self.key_file}`, or put the key back."
            raise AuditUnreadableError(msg, hint=hint)
        return Signer("", seed)


def _witness(key: str) -> Verifier | None:
    if not key:
        return None
    try:
        return Verifier.parse(key)
    except CheckpointError as error:
        mistake = Mistake("audit.witness_key", None, str(error))
        raise SettingsError([mistake]) from error


class FolderLock:
    """The right to write the log, from construction until `release`.

    The kernel drops it with its holder, so there is no stale lock to break.

    Raises:
        AuditUnreachableError: another process has it.
        OSError: the lock file cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_NAME
        self._fd = _open_lock(path)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, _PID_DIGITS, 0).decode(errors="replace")
            os.close(self._fd)
            msg = f"the audit log is written by process {holder.strip() or 'unknown'}"
            raise AuditUnreachableError(msg) from error
        except OSError:
            os.close(self._fd)
            raise
        # The pid is for people only: a full disk must not cost the lock.
        with suppress(OSError):
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Give it back; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in {errno.EROFS, errno.ENOSPC}:
            raise
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
