"""Releases of the real doorbell with a planted fault: what a bad update does."""

from __future__ import annotations

import os
import shutil
import zipfile
from typing import TYPE_CHECKING

from release import own_wheel, wheels

from production.deployment.publish import Publisher, describe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Appended to a module of the wheel; by the file's name.
FAULTS: Mapping[str, Mapping[str, str]] = {
    "good": {},
    "broken import": {"doorbell/cli/main.py": "import this_is_nowhere\n"},
    "starts, then crashes": {
        "doorbell/runtime/daemon.py": """
_served = Daemon._serve
async def _serve(self, *words):
    asyncio.get_running_loop().call_later(1.0, os._exit, 1)
    await _served(self, *words)
Daemon._serve = _serve
"""
    },
    "hangs": {
        "doorbell/runtime/daemon.py": """
_served = Daemon._serve
async def _serve(self, *words):
    import time
    asyncio.get_running_loop().call_later(1.0, time.sleep, 3600)
    await _served(self, *words)
Daemon._serve = _serve
"""
    },
    "unhealthy": {
        "doorbell/runtime/health_desk.py": """
from dataclasses import replace as _replace
_reported = HealthDesk.report
def _report(self):
    bad = {"ready": False, "status": Status.UNHEALTHY, "failing": ["camera"]}
    return _replace(_reported(self), **bad)
HealthDesk.report = _report
"""
    },
    "slow, 3 times": {
        "doorbell/stages/vision.py": """
_looked = VisionStage._look
def _look(self, message):
    import time
    time.sleep(1.0)
    _looked(self, message)
VisionStage._look = _look
"""
    },
    "20 % errors": {
        "doorbell/runtime/synthetic.py": """
_rang = SyntheticBell.ring
_count = itertools.count(1)
async def _ring(self, *words, **named):
    if next(_count) % 5 == 0:
        raise UnavailableError("every fifth")
    return await _rang(self, *words, **named)
SyntheticBell.ring = _ring
"""
    },
    "migration fails": {
        "doorbell/adapters/store_schema.py": """
_BAD = Migration(MIGRATIONS[-1].schema + 1, 1, ("ALTER TABLE nowhere ADD x TEXT",))
migrate.__defaults__ = ((*MIGRATIONS, _BAD),)
"""
    },
}


def make_faulty(folder: Path, version: str, fault: str) -> None:
    """Fill a folder with a release that has this fault."""
    folder.mkdir(parents=True)
    for wheel in wheels().glob("*.whl"):
        os.link(wheel, folder / wheel.name)
    plant(own_wheel(folder, version), FAULTS[fault])
    for name, content in describe(version, folder).items():
        (folder / name).write_bytes(content)


def sign(release: Path, version: str, folder: Path) -> None:
    """Make a signed repository of a release, with its keys beside it."""
    publisher = Publisher(folder / "repository", folder / "keys")
    publisher.begin()
    publisher.add(version, release)


def plant(wheel: Path, faults: Mapping[str, str]) -> None:
    """Append to modules of a wheel."""
    if not faults:
        return
    whole = wheel.with_suffix(".whole")
    shutil.move(wheel, whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(wheel, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            new.writestr(info, content + faults.get(info.filename, "").encode())
    whole.unlink()
    with zipfile.ZipFile(wheel) as new:
        assert set(faults) <= set(new.namelist())
