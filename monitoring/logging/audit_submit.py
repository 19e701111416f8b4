"""Send checkpoints to a witness, without anybody waiting for it.

A thread of the daemon, since the writer's unit has no network. It reads the newest
checkpoint from the folder whenever it is woken. Whether the witness has taken one is
told by its signature, where its key is known.
"""

from __future__ import annotations

import http.client
import logging
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from monitoring.logging import audit_proofs, audit_verify
from monitoring.logging.audit_errors import AuditError
from monitoring.logging.checkpoint import (
    Checkpoint,
    CheckpointError,
    Verifier,
    consistency_text,
)
from monitoring.logging.security import log_security_event

if TYPE_CHECKING:
    from monitoring.logging.audit_files import Folder

log = logging.getLogger("doorbell.audit.witness")

TIMEOUT_S = 10.0
FIRST_RETRY_S, LAST_RETRY_S = 5.0, 900.0
MAX_ANSWER = 16384
CONFLICT = 409


class WitnessRefusedError(Exception):
    """The witness does not take this for the log it has seen."""


class WitnessSender(threading.Thread):
    """Sends the newest checkpoint until the witness has taken it.

    Args:
        folder: of the log, for the proofs.
        url: of the witness, without `/add-checkpoint`.
        witness: its public key; None to take its word unsigned.

    Attributes:
        witnessed: size of the newest checkpoint it has taken.
        trouble: what it said last; empty while all is well.
    """

    def __init__(self, folder: Folder, url: str, witness: Verifier | None) -> None:
        super().__init__(name="witness", daemon=True)
        self._folder = folder
        self._url = f"{url.rstrip('/')}/add-checkpoint"
        self._witness = witness
        self._wake = threading.Condition()
        self._is_due = True
        self._is_ending = False
        self.witnessed = 0
        self.trouble = ""

    def wake(self) -> None:
        """Look for a new checkpoint; never waits."""
        with self._wake:
            self._is_due = True
            self._wake.notify()

    def end(self) -> None:
        """Stop; what was not sent is sent after the next start."""
        with self._wake:
            self._is_ending = True
            self._wake.notify()

    def run(self) -> None:
        """Send until the end."""
        retry_s = FIRST_RETRY_S
        while self._wait(None):
            try:
                self._send_newest()
            except WitnessRefusedError as error:
                self._refused(str(error))
            except (OSError, http.client.HTTPException, AuditError) as error:
                self._note("witness_unreachable", str(error))
            else:
                self.trouble, retry_s = "", FIRST_RETRY_S
                continue
            self._wait(retry_s)
            self.wake()
            retry_s = min(retry_s * 2, LAST_RETRY_S)

    def _wait(self, within_s: float | None) -> bool:
        """Wait to be woken; false when it is over."""
        with self._wake:
            if not self._is_due and not self._is_ending:
                self._wake.wait(within_s)
            self._is_due = False
            return not self._is_ending

    def _send_newest(self) -> None:
        notes = audit_verify.all_checkpoints(self._folder)
        if notes and notes[-1].size > self.witnessed:
            self._send(notes[-1])
            self.witnessed = notes[-1].size

    def _refused(self, text: str) -> None:
        if text != self.trouble:
            log_security_event(
                "audit_behind_witness",
                "the witness does not take the audit log for the one it has seen",
                "critical",
                {"source": "audit", "action_taken": "logged"},
            )
        self._note("witness_refused", text)

    def _note(self, event: str, text: str) -> None:
        if text != self.trouble:
            log.error(event, extra={"error": text, "witness": self._url})
        self.trouble = text

    def _send(self, checkpoint: Checkpoint) -> None:
        status, answer = self._post(self.witnessed, checkpoint)
        if status == CONFLICT and answer.strip().isdigit():
            seen = int(answer)
            if seen > checkpoint.size:
                msg = f"the witness has seen {seen} records, here are {checkpoint.size}"
                raise WitnessRefusedError(msg)
            status, answer = self._post(seen, checkpoint)
        if status != http.client.OK:
            msg = f"the witness answered {status}: {answer.strip()[:200]}"
            raise WitnessRefusedError(msg)
        self._check(checkpoint, answer)

    def _post(self, old_size: int, checkpoint: Checkpoint) -> tuple[int, str]:
        proof = audit_proofs.consistency(self._folder, old_size, checkpoint.size)
        body = consistency_text(old_size, proof, checkpoint).encode()
        request = urllib.request.Request(self._url, body, method="POST")  # noqa: S310 - the settings allow http and https only
        request.add_header("Content-Type", "text/plain; charset=utf-8")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
                return answer.status, answer.read(MAX_ANSWER).decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(MAX_ANSWER).decode(errors="replace")

    def _check(self, checkpoint: Checkpoint, answer: str) -> None:
        if self._witness is None:
            return
        try:
            cosigned = checkpoint
            for line in answer.splitlines(keepends=True):
                cosigned = cosigned.signed_also(line)
            cosigned.check_cosigned(self._witness)
        except CheckpointError as error:
            msg = f"the witness's answer is not signed as it should be: {error}"
            raise WitnessRefusedError(msg) from error
