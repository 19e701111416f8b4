"""`deploy.json`: the one truth about slots, written whole or not at all.

A second process that changes it (the guard, at any moment) takes the same lock, so
the deployer reads it anew for each step instead of remembering it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from production.deployment.disk import KernelDisk, read_whole, write_whole
from production.deployment.slots import SLOTS, Deployment, DeployState, Phase
from production.errors import BusyError, StateUnreadableError, StepFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from production.deployment.disk import Disk

FORMAT = 1
FILE = "deploy.json"
STATE_LOCK = "deploy.json.lock"
DEPLOYMENT_LOCK = "deployment.lock"
_LOCK_LOOK_S = 0.02


def encode(state: DeployState) -> bytes:
    """Write the state as JSON that people can read."""
    content = {"format": FORMAT, **asdict(state)}
    return json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"


def decode(content: bytes) -> DeployState:
    """Read what `encode` wrote.

    Raises:
        StateUnreadableError: it is something else.
    """
    try:
        raw = json.loads(content)
        if raw["format"] != FORMAT:
            msg = f"{FILE} has format {raw['format']!r}, we read {FORMAT}"
            raise StateUnreadableError(msg)
        return _state(raw)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{FILE} is damaged: {type(error).__name__}: {error}"
        raise StateUnreadableError(msg) from error


def _state(raw: dict[str, Any]) -> DeployState:
    current = raw["deployment"]
    active = raw["active"]
    if active not in ("", *SLOTS):
        msg = f"there is no slot {active!r}"
        raise ValueError(msg)
    return DeployState(
        active=active,
        versions=dict(raw["versions"]),
        floor=raw["floor"],
        deployment=None if current is None else _deployment(current),
        history=tuple(_deployment(one) for one in raw["history"]),
    )


def _deployment(raw: dict[str, Any]) -> Deployment:
    # What a later release adds is dropped: both may read each other's file.
    known = {key: raw[key] for key in Deployment.__slots__ if key in raw}
    return Deployment(**{**known, "phase": Phase(raw["phase"])})


class StateFile:
    """`deploy.json` in its folder, which exists.

    Args:
        folder: `[deploy] state_dir`.
        disk: the machine's, unless a test simulates one.
    """

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self._folder = folder
        self._disk = disk or KernelDisk()
        self.path = folder / FILE

    def read(self) -> DeployState | None:
        """Return the state; None where nothing was ever deployed.

        Raises:
            StateUnreadableError: it is there and cannot be understood.
        """
        try:
            return decode(read_whole(self._disk, str(self.path)))
        except FileNotFoundError:
            return None
        except OSError as error:
            msg = f"{self.path}: {error.strerror or error}"
            raise StateUnreadableError(msg) from error

    def write(self, state: DeployState) -> None:
        """Make the state durable.

        Raises:
            OSError: it may be the old or the new one on disk.
        """
        write_whole(self._disk, str(self.path), encode(state))

    def update(self, step: Callable[[DeployState], DeployState]) -> DeployState:
        """Read, step and write under the lock; what is returned is durable.

        Raises:
            DeployError: the step refuses; nothing was written.
            StepFailedError: the disk failed; it may hold the old state or the new.
        """
        with self.locked():
            before = self.read() or DeployState()
            after = step(before)
            if after != before:
                self._write_for_a_step(after)
            return after

    def _write_for_a_step(self, state: DeployState) -> None:
        try:
            self.write(state)
        except OSError as error:
            msg = f"{self.path} cannot be written: {error.strerror or error}"
            hint = "See `dmesg | tail`; `doorbell-deploy check` goes on once it works."
            raise StepFailedError(msg, hint=hint) from error

    @contextmanager
    def locked(self, within_s: float = 10.0) -> Iterator[None]:
        """Hold the lock on the file; it is only ever held for one step.

        Raises:
            BusyError: somebody holds it for longer than `within_s`.
        """
        with _flock(self._folder / STATE_LOCK, within_s):
            yield

    @contextmanager
    def deploying(self) -> Iterator[None]:
        """Be the one deployment of this machine.

        Raises:
            BusyError: another one is under way.
        """
        with _flock(self._folder / DEPLOYMENT_LOCK, 0.0):
            yield


@contextmanager
def _flock(path: Path, within_s: float) -> Iterator[None]:
    fd = _lockable(path)
    try:
        _take(fd, within_s)
        yield
    finally:
        os.close(fd)


def _lockable(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        # A card that cannot be written must not keep the guard from reading.
        return os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _take(fd: int, within_s: float) -> None:
    deadline_s = time.monotonic() + within_s
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline_s:
                msg = "another deployment is under way"
                raise BusyError(msg) from error
            time.sleep(_LOCK_LOOK_S)
        else:
            return
