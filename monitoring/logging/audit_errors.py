"""What can go wrong with the audit log, sorted by what the caller can do."""

from __future__ import annotations


class AuditError(Exception):
    """Root of the errors of the audit log.

    Attributes:
        exit_code: of a command that ends with it.
        hint: what the owner can do.
    """

    exit_code = 69
    hint = "Look at free space and at the card: `df -h`, `dmesg | tail`."

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class AuditUnwritableError(AuditError):
    """The record is not on disk: nothing that needs it may happen."""


class AuditUnreachableError(AuditError):
    """No writer answers, and the log cannot be written without it."""

    hint = "`systemctl status doorbell-audit` or the daemon's log says why."


class AuditUnreadableError(AuditError):
    """The folder is no audit log, or cannot be read."""

    hint = "Run it as the user of the doorbell or as root; --folder names another log."


class AuditRefusedError(AuditError, ValueError):
    """What was asked for cannot be given: no such record, no checkpoint over it."""

    exit_code = 65
    hint = "`doorbell audit tail` shows the newest records."
