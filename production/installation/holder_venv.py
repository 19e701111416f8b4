"""The button holder's own environment: made from a slot, and only when it must change.

A few packages are copied out of the slot, whose every wheel was checked by its hash
when it was installed: nothing is fetched, and a slot that is removed later takes
nothing with it. `holder` is a link that is moved in one step.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from production.deployment.disk import KernelDisk, point_link, sync_all_below
from production.errors import StepFailedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from production.deployment.disk import Disk

# What the holder imports; the rest of the wheel set is not for it.
PACKAGES = ("config", "doorbell", "monitoring", "msgspec")
PROGRAM = "doorbell-button"
_SCRIPT = """#!{python}
import sys
from doorbell.runtime.holder import main
sys.exit(main())
"""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ANSWER_S = 60.0


@dataclass(frozen=True, slots=True)
class HolderVenv:
    """The holder's environment below `[deploy] root`.

    Attributes:
        root: has `slots/`, `holders/` and the link `holder`.
        python: interpreter that environments are made with.
    """

    root: Path
    python: str
    disk: Disk

    @property
    def link(self) -> Path:
        """What the unit runs from."""
        return self.root / "holder"

    def refresh(self, slot: Path) -> bool:
        """Make the holder that comes with a slot, unless it is there already.

        Returns:
            Whether the link was moved: the unit is to be restarted then.

        Raises:
            StepFailedError: it cannot be made, or does not start; the old one stays.
        """
        digest = _asked(slot / "bin" / PROGRAM)
        home = Path("holders") / digest[:16]
        if self._is_linked(home):
            return False
        folder = self.root / home
        try:
            self._make(slot, folder)
            if _asked(folder / "bin" / PROGRAM) != digest:
                msg = "the holder is not what the slot has"
                raise StepFailedError(msg)
            sync_all_below(self.disk, str(folder))
            point_link(self.disk, str(home), str(self.link))
        except OSError as error:
            msg = f"the holder's environment cannot be made: {error}"
            raise StepFailedError(msg) from error
        return True

    def _is_linked(self, home: Path) -> bool:
        try:
            linked = self.disk.readlink(str(self.link)) == str(home)
        except OSError:
            return False
        return linked and (self.root / home / "bin" / PROGRAM).exists()

    def _make(self, slot: Path, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _run([self.python, "-m", "venv", "--without-pip", str(folder)])
        target = _site_packages(folder)
        for package in PACKAGES:
            source = _site_packages(slot) / package
            shutil.copytree(source, target / package, symlinks=True)
        script = folder / "bin" / PROGRAM
        script.write_text(_SCRIPT.format(python=folder / "bin" / "python"), "ascii")
        script.chmod(0o755)


def usual_holder(root: Path, python: str) -> HolderVenv:
    """Return the holder's environment of this machine."""
    return HolderVenv(root, python, KernelDisk())


def _site_packages(venv: Path) -> Path:
    found = sorted(venv.glob("lib/python3*/site-packages"))
    if not found:
        msg = f"{venv} is no environment of Python"
        raise StepFailedError(msg)
    return found[0]


def _asked(program: Path) -> str:
    said = _run([str(program), "--parts"]).strip()
    if not _DIGEST.fullmatch(said):
        msg = f"{program} does not say what it is made of"
        raise StepFailedError(msg)
    return said


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=_ANSWER_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", None) or error
        msg = f"{command[0]}: {detail}"
        raise StepFailedError(msg) from error
    return done.stdout
