"""A witness: remembers, on another machine, the last checkpoint of each log it knows.

After C2SP tlog-witness: a log sends a checkpoint with a proof that it only grew since
the last one; the witness signs it or refuses, and what it refuses is an alarm. Nothing
here listens; `audit_witness_server` does.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from monitoring.logging import checkpoint, tree
from monitoring.logging.checkpoint import (
    COSIGNATURE,
    Checkpoint,
    CheckpointError,
    Signer,
    Verifier,
)
from monitoring.logging.tree import ProofError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitoring.logging.audit_files import Folder

ALARMS = "alarms.jsonl"
SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the witness says.

    Attributes:
        alarm: why this must be looked at; empty if it need not be.
    """

    status: HTTPStatus
    body: str
    content_type: str = TEXT_TYPE
    alarm: str = ""


class Witness:
    """The memory of one witness.

    Args:
        folder: where it keeps checkpoints and alarms; exists.
        name: under which it signs.
        seed: its key, 32 secret bytes.
        logs: public keys of the logs it knows.
        now_s: seconds since 1970 UTC.
    """

    def __init__(
        self,
        folder: Folder,
        name: str,
        seed: bytes,
        logs: Sequence[Verifier],
        now_s: Callable[[], int],
    ) -> None:
        self._folder = folder
        self._signer = Signer(name, seed, COSIGNATURE)
        self._logs = {log.name: log for log in logs}
        self._now_s = now_s
        # Comparing with the last one and storing the next must not be parted.
        self._lock = threading.Lock()

    @property
    def verifier(self) -> Verifier:
        """Public key, for the settings of the logs."""
        return self._signer.verifier

    def add_checkpoint(self, text: str) -> Answer:
        """Take a checkpoint, or refuse it.

        Raises:
            OSError: the disk failed; nothing was signed.
        """
        try:
            old_size, proof, sent = checkpoint.parse_consistency(text)
        except CheckpointError as error:
            return Answer(HTTPStatus.BAD_REQUEST, f"{error}\n")
        log = self._logs.get(sent.origin)
        if log is None:
            return Answer(HTTPStatus.NOT_FOUND, "this log is not known here\n")
        try:
            sent.check(log)
        except CheckpointError as error:
            return self._alarmed(HTTPStatus.FORBIDDEN, sent, str(error))
        if old_size > sent.size:
            return Answer(HTTPStatus.BAD_REQUEST, "the old size is the larger one\n")
        with self._lock:
            return self._take(old_size, proof, sent)

    def _take(self, old_size: int, proof: list[bytes], sent: Checkpoint) -> Answer:
        last = self.last(sent.origin)
        if last is not None and sent.size < last.size:
            why = f"it had {last.size} records and says it has {sent.size}"
            return self._alarmed(HTTPStatus.CONFLICT, sent, why, last)
        if old_size != (last.size if last else 0):
            return _conflict(last)
        try:
            if last is not None:
                tree.check_consistency(
                    last.size, sent.size, proof, last.root, sent.root
                )
        except ProofError as error:
            is_same = last is not None and last.size == sent.size
            status = HTTPStatus.CONFLICT if is_same else HTTPStatus.UNPROCESSABLE_ENTITY
            return self._alarmed(status, sent, str(error), last)
        line = checkpoint.cosign(self._signer, sent, self._now_s())
        note = sent.signed_also(line).note.encode()
        self._folder.replace(_file(sent.origin), note)
        return Answer(HTTPStatus.OK, line)

    def _alarmed(
        self,
        status: HTTPStatus,
        sent: Checkpoint,
        why: str,
        last: Checkpoint | None = None,
    ) -> Answer:
        """Keep what was refused: with its signature it proves what the log said."""
        facts = {
            "at": self._now_s(),
            "origin": sent.origin,
            "why": why,
            "sent": sent.note,
            "last": last.note if last else "",
        }
        line = json.dumps(facts, ensure_ascii=True) + "\n"
        try:
            fd = self._folder.append_to(ALARMS)
        except FileNotFoundError:
            fd = self._folder.create(ALARMS)
        try:
            self._folder.write_all(fd, line.encode())
            self._folder.disk.fsync(fd)
        finally:
            self._folder.disk.close(fd)
        alarm = f"{sent.origin}: {why}"
        if status is HTTPStatus.CONFLICT and last is not None:
            return Answer(status, f"{last.size}\n", SIZE_TYPE, alarm)
        return Answer(status, f"{why}\n", alarm=alarm)

    def last(self, origin: str) -> Checkpoint | None:
        """The newest checkpoint of a log; None if there is none yet.

        Raises:
            OSError: it cannot be read.
            CheckpointError: what is stored is none.
        """
        try:
            text = self._folder.read(_file(origin)).decode()
        except FileNotFoundError:
            return None
        return checkpoint.parse(text)

    def checkpoint(self, origin: str) -> Answer:
        """What is remembered of a log, for who verifies it."""
        last = self.last(origin)
        if last is None:
            return Answer(HTTPStatus.NOT_FOUND, "nothing is known of this log\n")
        return Answer(HTTPStatus.OK, last.note)


def _conflict(last: Checkpoint | None) -> Answer:
    size = last.size if last else 0
    return Answer(HTTPStatus.CONFLICT, f"{size}\n", SIZE_TYPE)


def _file(origin: str) -> str:
    # An origin may hold slashes.
    return f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}.checkpoint"


def forget(folder: Folder, origin: str) -> Checkpoint | None:
    """Accept, on the owner's word, that a log begins anew from a backup.

    What was remembered is kept beside, under another name.

    Returns:
        What was remembered; None if nothing was.

    Raises:
        OSError: it cannot be stored.
        CheckpointError: what is stored is no checkpoint.
    """
    name = _file(origin)
    try:
        last = checkpoint.parse(folder.read(name).decode())
    except FileNotFoundError:
        return None
    folder.disk.rename(folder(name), folder(f"{name}.before-{last.size}"))
    folder.sync()
    return last
