"""The audit log on disk, as its one writer sees it.

Whoever holds an `AuditLog` holds the folder's lock. A record is acknowledged (`append`
returns) when it is on disk: bytes synced, and the folder's entry too where the file is
new. A file whose fsync failed is never written again: a new one is begun, whose first
record names the size, the root and the last hash of all before, so that what the old
one may hold beyond that is void. A checkpoint is signed only over what is on disk.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitoring.logging import chain, checkpoint
from monitoring.logging.audit_errors import AuditUnwritableError
from monitoring.logging.audit_files import KEY_NAME, NOTES, Folder, Name
from monitoring.logging.audit_opening import OPENED, Found, opening_facts, take_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitoring.logging.chain import Entry, Instant
    from monitoring.logging.checkpoint import Checkpoint, Signer

NS_PER_S = 1_000_000_000
# A checkpoint is some 210 bytes; a file of them is begun anew at this size.
NOTES_BYTES = 1 << 18
# Attempts to begin a file before the disk is called broken.
MAX_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """When a checkpoint is signed and when a new file is begun.

    Attributes:
        checkpoint_s: longest time a record is without a checkpoint over it.
        checkpoint_records: most records without one.
        rotate_bytes, rotate_days: size and age at which the next file is begun.
    """

    checkpoint_s: float = 60.0
    checkpoint_records: int = 256
    rotate_bytes: int = 8 << 20
    rotate_days: int = 31


class AuditLog:
    """A log that is open for writing.

    Args:
        folder: exists already.
        signer: of the checkpoints.
        now: the clocks.
        limits: see there.

    Attributes:
        newest: the newest checkpoint; None before the first.
        fault: what was wrong when it was opened: torn, changed or cut.

    Raises:
        OSError: the folder cannot be read or written.
    """

    def __init__(
        self,
        folder: Folder,
        signer: Signer,
        now: Callable[[], Instant],
        limits: Limits | None = None,
    ) -> None:
        self._folder = folder
        self._signer = signer
        self._now = now
        self._limits = limits or Limits()
        self._fd = self._notes_fd = -1
        self._notes_bytes = 0
        self._trouble = ""
        self._is_dirty = False
        self._is_urgent = False
        self._uncovered_ns: int | None = None
        found = take_up(folder, signer.verifier)
        self._frontier = found.frontier
        self._last = found.last
        self._name = found.name
        self._bytes = found.good_bytes
        self._opened = found.opened
        self.newest = found.covered
        self.fault = found.fault
        try:
            self._begin(found)
        except BaseException:
            self._close_files()
            raise

    # What it is.

    @property
    def size(self) -> int:
        """How many records are on disk."""
        return self._frontier.size

    @property
    def root(self) -> bytes:
        """Root of the tree over them."""
        return self._frontier.root()

    @property
    def covered(self) -> int:
        """How many records the newest checkpoint covers."""
        return self.newest.size if self.newest else 0

    # Opening.

    def _begin(self, found: Found) -> None:
        old_key = self._keep_first_key()
        if found.name is not None:
            self._fd = self._folder.append_to(found.name)
        if found.torn and found.name is not None:
            self._cut()
        match found.fault:
            case "" if found.name is None:
                self._open_file("first", [])
            case "":
                pass
            case "torn" if found.name is not None:
                self._record("audit.repaired", _torn_facts(found.torn))
            case fault:
                # Said loudly and at once; what was changed stays where it is.
                self._is_urgent = fault != "torn"
                self._open_file(fault, [])
        self._note_new_key(old_key)
        if self.size > self.covered:
            self._uncovered_ns = self._now().mono_ns
        if self._is_urgent:
            self.checkpoint()

    def _keep_first_key(self) -> bytes:
        """Lay the public key beside the log before there is one; returns what is."""
        with contextlib.suppress(FileNotFoundError):
            return self._folder.read(KEY_NAME)
        self._folder.replace(KEY_NAME, self._key_line())
        return self._key_line()

    def _note_new_key(self, old: bytes) -> None:
        if old != self._key_line():
            self._is_urgent = True
            self._record("key.changed", {"key": str(self._signer.verifier)})
            self._folder.replace(KEY_NAME, self._key_line())

    def _key_line(self) -> bytes:
        return f"{self._signer.verifier}\n".encode()

    def _record(self, act: str, ctx: Mapping[str, object]) -> None:
        self.append([chain.entry(act, self._now(), obj="audit", ctx=ctx)])

    # Writing.

    def append(self, entries: Sequence[Entry]) -> int:
        """Record these, in this order, all or nothing; returns the first one's number.

        Raises:
            AuditUnwritableError: none of them is recorded.
        """
        if not entries:
            return self.size
        try:
            self._commit(entries)
        except OSError as error:
            msg = f"the audit log cannot be written: {error.strerror or error}"
            raise AuditUnwritableError(msg) from error
        if self._uncovered_ns is None:
            self._uncovered_ns = self._now().mono_ns
        self._is_urgent |= any(entry.urgent for entry in entries)
        return self.size - len(entries)

    def _commit(self, entries: Sequence[Entry]) -> None:
        if self._trouble:
            self._open_file(self._trouble, entries)
            return
        if self._is_dirty:
            self._cut()
        if self._is_full():
            self._open_file("rotated", entries)
            return
        lines, hashes = self._chained(entries)
        self._write(lines)
        try:
            self._folder.disk.fsync(self._fd)
        except OSError:
            # The kernel may have dropped the pages, and calls them clean from now on.
            self._trouble = "fsync failed"
            self._open_file(self._trouble, entries)
            return
        self._grow(lines, hashes)

    def _chained(self, entries: Sequence[Entry]) -> tuple[list[bytes], list[bytes]]:
        """Make lines and their hashes, each following from the one before."""
        lines, hashes, prev = [], [], self._last
        for seq, entry in enumerate(entries, self.size):
            line = chain.encode(entry, seq, prev)
            digest = chain.leaf_hash(line)
            prev = digest.hex()
            lines.append(line)
            hashes.append(digest)
        return lines, hashes

    def _write(self, lines: Sequence[bytes]) -> None:
        content = b"".join(line + b"\n" for line in lines)
        try:
            self._folder.write_all(self._fd, content)
        except OSError:
            self._is_dirty = True
            raise

    def _cut(self) -> None:
        """Cut off what was not acknowledged, durably, before anything follows it."""
        self._folder.disk.ftruncate(self._fd, self._bytes)
        try:
            self._folder.disk.fsync(self._fd)
        except OSError:
            self._trouble = "fsync failed"
            raise
        self._is_dirty = False

    def _grow(self, lines: Sequence[bytes], hashes: Sequence[bytes]) -> None:
        self._frontier.extend(hashes)
        self._last = hashes[-1].hex()
        self._bytes += sum(len(line) + 1 for line in lines)

    # Files.

    def _is_full(self) -> bool:
        if self._bytes >= self._limits.rotate_bytes:
            return True
        now = self._now()
        if not now.synced or not self._opened:
            return False
        age = datetime.fromisoformat(
            chain.timestamp(now.wall_ns)
        ) - datetime.fromisoformat(self._opened)
        return age > timedelta(days=self._limits.rotate_days)

    def _open_file(self, reason: str, entries: Sequence[Entry]) -> None:
        """Begin a file with these records in it; the one before is left as it is.

        Raises:
            OSError: it is not on disk, and none of the records is.
        """
        # From here on the old file is not written any more, whatever happens.
        self._trouble = self._trouble or reason
        facts = opening_facts(self._frontier, self._name, self._trouble)
        opening = chain.entry(OPENED, self._now(), obj="audit", ctx=facts)
        lines, hashes = self._chained([opening, *entries])
        name, fd = self._create()
        try:
            self._folder.write_all(fd, b"".join(line + b"\n" for line in lines))
            self._folder.disk.fsync(fd)
            self._folder.sync()
        except OSError:
            self._folder.disk.close(fd)
            with contextlib.suppress(OSError):
                self._folder.disk.unlink(self._folder(name))
            raise
        self._close(self._fd)
        self._fd, self._name, self._bytes = fd, name, 0
        self._opened = chain.timestamp(self._now().wall_ns)
        self._trouble, self._is_dirty = "", False
        self._grow(lines, hashes)

    def _create(self) -> tuple[Name, int]:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            name = Name(self.size, attempt)
            with contextlib.suppress(FileExistsError):
                return name, self._folder.create(name)
        msg = f"no name is left for a file from record {self.size} on"
        raise OSError(msg)

    # Checkpoints.

    def due_s(self) -> float | None:
        """Seconds until a checkpoint is due, 0 if it is; None if nothing has grown."""
        if self.size <= self.covered or self._uncovered_ns is None:
            return None
        if self._is_urgent:
            return 0.0
        if self.size - self.covered >= self._limits.checkpoint_records:
            return 0.0
        waited_s = (self._now().mono_ns - self._uncovered_ns) / NS_PER_S
        return max(self._limits.checkpoint_s - waited_s, 0.0)

    def checkpoint(self) -> Checkpoint:
        """Sign what is on disk, and keep the checkpoint beside it.

        Raises:
            AuditUnwritableError: it could not be kept; nobody may be told of it.
        """
        signed = checkpoint.sign(self._signer, self.size, self.root)
        try:
            self._keep_note(signed)
        except OSError as error:
            self._close(self._notes_fd)
            # In a new file, and after the usual time, not in a loop.
            self._notes_fd, self._notes_bytes = -1, NOTES_BYTES
            self._uncovered_ns, self._is_urgent = self._now().mono_ns, False
            msg = f"the checkpoint cannot be kept: {error.strerror or error}"
            raise AuditUnwritableError(msg) from error
        self.newest = signed
        self._is_urgent, self._uncovered_ns = False, None
        return signed

    def _keep_note(self, signed: Checkpoint) -> None:
        # Begun with a line end, so that one that was cut off does not swallow the next.
        content = f"\n{signed.note}".encode()
        is_new = self._notes_fd < 0 or self._notes_bytes >= NOTES_BYTES
        if is_new:
            self._close(self._notes_fd)
            self._notes_fd, self._notes_bytes = self._open_notes(signed.size)
        self._folder.write_all(self._notes_fd, content)
        self._folder.disk.fsync(self._notes_fd)
        if is_new:
            self._folder.sync()
        self._notes_bytes += len(content)

    def _open_notes(self, size: int) -> tuple[int, int]:
        """Go on in the newest file if it has room; never in one that failed us."""
        existing = self._folder.listing().notes
        if existing and self._notes_bytes == 0:
            used = len(self._folder.read(existing[-1]))
            if used < NOTES_BYTES:
                return self._folder.append_to(existing[-1]), used
        for attempt in range(1, MAX_ATTEMPTS + 1):
            with contextlib.suppress(FileExistsError):
                return self._folder.create(Name(size, attempt, NOTES)), 0
        msg = "no name is left for a file of checkpoints"
        raise OSError(msg)

    def close(self) -> None:
        """Let go of the files; sign what is uncovered first, if that is possible."""
        if self.size > self.covered:
            with contextlib.suppress(AuditUnwritableError):
                self.checkpoint()
        self._close_files()

    def restored(self, facts: Mapping[str, object]) -> None:
        """Begin a new epoch: this log is a backup's, and newer records are gone.

        Signed at once. Whoever saw the newer records will not take this for the same
        log without the owner's word.

        Args:
            facts: of the backup: when it was made, what it held.

        Raises:
            AuditUnwritableError: it is not recorded.
        """
        record = chain.entry("audit.restored", self._now(), obj="audit", ctx=facts)
        try:
            self._open_file("restored", [record])
        except OSError as error:
            msg = f"the restored epoch cannot be recorded: {error.strerror or error}"
            raise AuditUnwritableError(msg) from error
        self.checkpoint()

    def _close_files(self) -> None:
        for fd in (self._fd, self._notes_fd):
            self._close(fd)
        self._fd = self._notes_fd = -1

    def _close(self, fd: int) -> None:
        if fd >= 0:
            with contextlib.suppress(OSError):
                self._folder.disk.close(fd)


def _torn_facts(torn: bytes) -> dict[str, object]:
    return {"bytes": len(torn), "sha256": hashlib.sha256(torn).hexdigest()}
