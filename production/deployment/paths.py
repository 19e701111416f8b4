"""Where things are, found without a settings loader that could refuse to start.

The guard must answer while the settings are broken, so these few paths are read from
the settings file as far as it can be read; the daemon reports what is wrong with it.
"""

from __future__ import annotations

import os
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS = "/etc/doorbell/doorbell.toml"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Paths:
    """The deployer's folders.

    Attributes:
        root: the slots are in `slots/` below it.
        state_dir: `deploy.json` and the trusted metadata.
        run_dir: in memory: what need not outlive a boot.
        unit: systemd's template.
    """

    root: Path = Path("/opt/doorbell")
    state_dir: Path = Path("/var/lib/doorbell-deploy")
    run_dir: Path = Path("/run/doorbell-deploy")
    unit: str = "doorbell@.service"

    def slot(self, name: str) -> Path:
        """Return the folder of a slot."""
        return self.root / "slots" / name

    def unit_of(self, slot: str) -> str:
        """Return the unit of a slot."""
        return self.unit.replace("@.", f"@{slot}.")

    @property
    def current(self) -> Path:
        """The link to the slot that runs; a cache for people and scripts."""
        return self.root / "current"

    def options_file(self, slot: str) -> Path:
        """What the unit adds to the slot's environment."""
        return self.run_dir / f"{slot}.env"


def find_paths(config: str | None, environ: Mapping[str, str]) -> Paths:
    """Read the paths of section `[deploy]`, defaults where they cannot be read."""
    table = _table(config or environ.get("DOORBELL_CONFIG") or SETTINGS)

    def value(key: str, default: str) -> str:
        found = environ.get(f"DOORBELL_DEPLOY__{key.upper()}", table.get(key))
        return found if isinstance(found, str) and found else default

    usual = Paths()
    return Paths(
        root=Path(value("root", str(usual.root))),
        state_dir=Path(value("state_dir", str(usual.state_dir))),
        run_dir=Path(value("run_dir", str(usual.run_dir))),
        unit=value("unit", usual.unit),
    )


def _table(path: str) -> dict[str, object]:
    try:
        with Path(path).open("rb") as file:
            section = tomllib.load(file).get("deploy", {})
    except (OSError, ValueError):
        return {}
    return section if isinstance(section, dict) else {}


def boot_id(run_dir: Path) -> str:
    """Return what tells this boot from others: a mark in memory.

    Not the kernel's id itself: in a container a confined unit sees that of the machine
    around it, where the guard sees the container's.
    """
    mark = run_dir / "boot"
    try:
        if not mark.exists():
            _make_mark(mark)
        return mark.read_text("ascii").strip()
    except OSError:
        return _kernels_boot_id()


def _make_mark(mark: Path) -> None:
    mark.parent.mkdir(parents=True, exist_ok=True)
    mine = mark.with_name(f"boot.{os.getpid()}")
    mine.write_text(_kernels_boot_id(), "ascii")
    # A link, so that it appears with its content, and only the first one's does.
    with suppress(FileExistsError):
        mark.hardlink_to(mine)
    mine.unlink()


def _kernels_boot_id() -> str:
    try:
        return BOOT_ID.read_text("ascii").strip().replace("-", "")
    except OSError:
        return ""
