"""Make a slot: a complete venv from a release's wheels, offline and by hash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from production.deployment.disk import KernelDisk, sync_all_below
from production.deployment.release import REQUIREMENTS
from production.deployment.unprivileged import Rights, daemons_rights
from production.errors import ReleaseRefusedError, StepFailedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from production.deployment.disk import Disk
    from production.deployment.release import Release

# A Pi Zero unpacks onnxruntime and OpenCV in some five minutes.
_INSTALL_S = 1800.0
_TRIAL_S = 120.0
_TAIL = 600
# pip's words for a wheel that is not the one whose hash was signed.
_WRONG_HASH = "DO NOT MATCH THE HASHES"


@dataclass(frozen=True, slots=True)
class SlotBuilder:
    """Builds and removes the venv of a slot.

    Args:
        python: interpreter of the venv; its system packages are seen, for libcamera.
        disk: made durable with it.
    """

    python: str
    disk: Disk

    def build(self, release: Release, slot: Path) -> None:
        """Fill an empty slot; what was there is removed first.

        Raises:
            ReleaseRefusedError: a wheel is not the one that was named.
            StepFailedError: it cannot be installed, or does not even start.
        """
        self.remove(slot)
        slot.parent.mkdir(parents=True, exist_ok=True)
        venv = [self.python, "-m", "venv", "--system-site-packages", "--without-pip"]
        _run([*venv, str(slot)], _TRIAL_S, "the venv cannot be made")
        _run(_install(release, slot), _INSTALL_S, "the wheels cannot be installed")
        program = slot / "bin" / "doorbell"
        trouble = "the release does not start"
        _run([str(program), "--version"], _TRIAL_S, trouble, daemons_rights())

    def sync(self, slot: Path) -> None:
        """Make a slot durable before anything says that it is whole.

        Raises:
            StepFailedError: the disk failed.
        """
        try:
            sync_all_below(self.disk, str(slot))
        except OSError as error:
            msg = f"{slot} cannot be brought to disk: {error.strerror}"
            raise StepFailedError(msg) from error

    def remove(self, slot: Path) -> None:
        """Remove a slot; one that is not there stays so.

        Raises:
            StepFailedError: it cannot be removed.
        """
        try:
            shutil.rmtree(slot)
        except FileNotFoundError:
            return
        except OSError as error:
            msg = f"{slot} cannot be removed: {error.strerror}"
            raise StepFailedError(msg) from error


def usual_builder(python: str) -> SlotBuilder:
    """Return the builder of this machine."""
    return SlotBuilder(python, KernelDisk())


def _install(release: Release, slot: Path) -> list[str]:
    # pip of our own venv: the slot's may be what is broken, and need not have one.
    pip = [sys.executable, "-m", "pip", "--python", str(slot / "bin" / "python")]
    return [
        *pip,
        "install",
        "--quiet",
        "--no-index",
        "--find-links",
        str(release.folder),
        "--require-hashes",
        "--only-binary=:all:",
        # All of the set is named; a package of the system must not stand in for one.
        "--no-deps",
        "--ignore-installed",
        "--no-cache-dir",
        "--requirement",
        str(release.folder / REQUIREMENTS),
    ]


def _run(
    command: Sequence[str], within_s: float, trouble: str, rights: Rights | None = None
) -> None:
    who = rights or Rights()
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=within_s,
            env=_environment(),
            cwd="/",
            # The slot is for another user to read, whatever the caller's shell says.
            umask=0o022,
            user=who.user,
            group=who.group,
            extra_groups=who.extra_groups,
        )
    except subprocess.TimeoutExpired as error:
        msg = f"{trouble}: it took longer than {within_s:.0f} s"
        raise StepFailedError(msg) from error
    except OSError as error:
        msg = f"{trouble}: {error.strerror}"
        raise StepFailedError(msg) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        if _WRONG_HASH in said:
            msg = "a wheel is not the one whose hash was named"
            raise ReleaseRefusedError(msg)
        msg = f"{trouble}: {said[-_TAIL:]}"
        raise StepFailedError(msg)


def _environment() -> dict[str, str]:
    """What pip and a first start need, without the owner's own pip settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
    return {
        **kept,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
    }
