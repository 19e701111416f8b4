"""Errors of the doorbell, sorted by what the caller can do about them.

Each class carries the exit code of the command line and a hint for the owner. Raising
one has no side effect: it is logged once, at a process border.
"""

from __future__ import annotations


class DoorbellError(Exception):
    """Root of every error this package raises on purpose.

    Attributes:
        exit_code: what a command that fails with it returns (DESIGN §4).
        hint: one sentence saying what the owner can do; empty when there is nothing.
    """

    exit_code = 1
    hint = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class UsageError(DoorbellError, ValueError):
    """The command was called with words that do not fit together."""

    exit_code = 2


class BadInputError(DoorbellError, ValueError):
    """Data handed in from outside is not what it claims to be."""

    exit_code = 65


class ModelError(BadInputError):
    """A model file is not what it claims to be: cut short, changed, another kind."""

    hint = "`doorbell models list` shows what is installed and how to mend it."


class BadSettingsError(DoorbellError, ValueError):
    """A setting cannot be used; trying again does not heal it."""

    exit_code = 78


class UnavailableError(DoorbellError, ConnectionError):
    """Something the command needs is down: the daemon, a target, a library."""

    exit_code = 69


class NotRunningError(UnavailableError):
    """The command asks a running daemon, and there is none."""

    hint = (
        "Start it: `sudo systemctl start doorbell@blue` where it is installed, "
        "else `doorbell run`."
    )

    def __init__(self) -> None:
        super().__init__("no doorbell is running on this machine")


class HardwareAbsentError(DoorbellError, OSError):
    """A camera, a GPIO chip or a button is not there now; it may come back."""

    exit_code = 75
    hint = "Check the cable and run the command again."


class NotAllowedError(DoorbellError, PermissionError):
    """The caller's user may not do this."""

    exit_code = 69
    hint = "Run it as root or as a member of the group named in [control] admin_group."


class StorageError(DoorbellError, OSError):
    """The state on disk cannot be read or written: full, read-only, locked, corrupt."""

    exit_code = 69
    hint = "Look at free space and at the card: `df -h`, `dmesg | tail`."


class DiskFullError(StorageError):
    """There was no room for it; `make_room` and one more try may help."""

    hint = "Free space on the card (`df -h`), or lower [storage] max_mib."


class KeyExposedError(StorageError):
    """The file of a key can be read or changed by others than its owner."""


class NewerStateError(StorageError):
    """The database was written by a release that this one cannot read."""

    exit_code = 78
    hint = "Install the newer release again, or restore a backup made before it."
