"""What can go wrong with a deployment, sorted by what the caller can do about it."""

from __future__ import annotations


class DeployError(Exception):
    """Base of all; `exit_code` and `hint` are for whoever called.

    Attributes:
        exit_code: 2 usage, 65 bad input data, 69 something needed is down, 78 bad
            settings, as in sysexits.h.
        hint: what the owner can do.
    """

    exit_code = 1
    hint = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint


class BusyError(DeployError):
    """Another deployment is under way."""

    exit_code = 69
    hint = "Wait for it; `doorbell-deploy status` shows where it stands."


class ReleaseRefusedError(DeployError):
    """The release is not what it says, or not for us; nothing was changed."""

    exit_code = 65
    hint = "Ask whoever published it; the release that runs stays as it is."


class StateUnreadableError(DeployError):
    """`deploy.json` is damaged or cannot be read."""

    exit_code = 69
    hint = "Restore it from a backup, or move it away and deploy once by hand."


class StepFailedError(DeployError):
    """A step of a deployment failed; what was done before it was undone."""

    exit_code = 69
