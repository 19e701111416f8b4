"""The holder's environment: made from a slot, left alone while it need not change."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from production.deployment.disk import KernelDisk
from production.errors import StepFailedError
from production.installation.holder_venv import PACKAGES, PROGRAM, HolderVenv

pytestmark = pytest.mark.timeout(60)

SCRIPT = """#!{python}
import sys
from doorbell.runtime.holder import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slot as pip leaves it, as far as the holder sees it."""
    folder = tmp_path_factory.mktemp("slots") / "blue"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (target,) = folder.glob("lib/python3*/site-packages")
    for name in PACKAGES:
        found = find_spec(name)
        assert found is not None
        assert found.origin is not None
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(found.origin).parent, target / name, ignore=ignore)
    program = folder / "bin" / PROGRAM
    program.write_text(SCRIPT.format(python=folder / "bin" / "python"))
    program.chmod(0o755)
    return folder


@pytest.fixture
def holder(tmp_path: Path) -> HolderVenv:
    return HolderVenv(tmp_path, sys.executable, KernelDisk())


def parts(program: Path) -> bytes:
    return subprocess.run([program, "--parts"], capture_output=True, check=True).stdout


def test_it_is_made_once_and_needs_no_slot_any_more(
    holder: HolderVenv, slot: Path
) -> None:
    assert holder.refresh(slot)
    assert not holder.refresh(slot)
    program = holder.link / "bin" / PROGRAM
    said = subprocess.run(
        [program, "--parts"], capture_output=True, text=True, check=True
    )
    asked = subprocess.run(
        [slot / "bin" / PROGRAM, "--parts"], capture_output=True, text=True, check=True
    )
    assert said.stdout == asked.stdout
    assert str(slot) not in program.read_text()


def test_it_changes_with_its_own_part_and_with_nothing_else(
    holder: HolderVenv, slot: Path, tmp_path: Path
) -> None:
    grown = tmp_path / "green"
    shutil.copytree(slot, grown, symlinks=True)
    program = grown / "bin" / PROGRAM
    program.write_text(SCRIPT.format(python=grown / "bin" / "python"))
    (packages,) = grown.glob("lib/python3*/site-packages")
    holder.refresh(grown)
    before = holder.link.readlink()
    with (packages / "doorbell" / "stages" / "vision.py").open("a") as file:
        file.write("# recognition has changed\n")
    assert not holder.refresh(grown)
    with (packages / "doorbell" / "stages" / "button.py").open("a") as file:
        file.write("# the button has changed\n")
    assert holder.refresh(grown)
    assert holder.link.readlink() != before


def test_what_does_not_start_leaves_the_old_one(
    holder: HolderVenv, slot: Path, tmp_path: Path
) -> None:
    holder.refresh(slot)
    before = holder.link.readlink()
    with pytest.raises(StepFailedError):
        holder.refresh(tmp_path / "no-slot")
    assert holder.link.readlink() == before
