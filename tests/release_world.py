"""Small releases, real ones: wheels made by hand, signed repositories around them."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from production.deployment.publish import Publisher, describe

if TYPE_CHECKING:
    from pathlib import Path

NAME = "doorbell_edge"


def make_wheel(folder: Path, version: str, modules: dict[str, str]) -> Path:
    """Write a wheel of these modules, with a program `doorbell`."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{NAME}-{version}.dist-info"
    files = {
        **modules,
        f"{info}/METADATA": "Metadata-Version: 2.1\n"
        f"Name: {NAME}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\n"
        "doorbell = tiny_doorbell:main\n",
    }
    records = []
    for name, text in files.items():
        digest = hashlib.sha256(text.encode()).digest()
        coded = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        records.append(f"{name},sha256={coded},{len(text.encode())}\n")
    files[f"{info}/RECORD"] = "".join([*records, f"{info}/RECORD,,\n"])
    wheel = folder / f"{NAME}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return wheel


def make_unsigned(folder: Path, version: str, modules: dict[str, str]) -> Path:
    """Make an unsigned release; returns its folder."""
    make_wheel(folder, version, modules)
    for name, content in describe(version, folder).items():
        (folder / name).write_bytes(content)
    return folder


class Repository:
    """A signed repository and the keys to it."""

    def __init__(self, folder: Path, days_old: float = 0.0) -> None:
        self.folder = folder / "repository"
        self.keys = folder / "keys"
        self._wheels = folder / "wheels"
        self.root = self.publisher(days_old).begin().read_bytes()

    def publisher(self, days_old: float = 0.0) -> Publisher:
        now = datetime.now(UTC) - timedelta(days=days_old)
        return Publisher(self.folder, self.keys, now)

    def add(
        self,
        version: str,
        modules: dict[str, str] | None = None,
        *,
        floor: str = "",
        days_old: float = 0.0,
    ) -> None:
        wheels = self._wheels / version
        make_wheel(
            wheels, version, modules or {"tiny_doorbell.py": "def main(): pass\n"}
        )
        self.publisher(days_old).add(version, wheels, floor=floor)

    def metadata(self, pattern: str) -> Path:
        """The newest metadata file of that name."""
        found = sorted(self.folder.glob(f"metadata/{pattern}"), key=_number)
        return found[-1]

    def target(self, pattern: str) -> Path:
        return next(self.folder.glob(f"targets/{pattern}"))


def _number(path: Path) -> int:
    head = path.name.partition(".")[0]
    return int(head) if head.isdigit() else 0


def edited(path: Path, change: dict[str, object]) -> None:
    """Change the signed part of a metadata file, and leave its signature."""
    content = json.loads(path.read_bytes())
    content["signed"].update(change)
    path.write_text(json.dumps(content))
