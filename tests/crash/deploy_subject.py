"""A deployer to be killed: real state and files, units that are lines in a file.

    python deploy_subject.py FOLDER deploy|check

Prints `stays` or `went` when a deployment has ended; whoever read that may rely on it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from config.loader import load
from production.deployment.blue_green_deployer import BlueGreenDeployer
from production.deployment.disk import KernelDisk
from production.deployment.guard import Guard
from production.deployment.paths import Paths
from production.deployment.probes import Figures, Rung
from production.deployment.slot_builder import SlotBuilder
from production.deployment.slots import Role
from production.deployment.state_file import StateFile
from production.deployment.systemd import UnitState
from production.deployment.world import World
from production.errors import DeployError, StepFailedError

OLD, NEW = "1.0.0", "1.1.0"


@dataclass
class FileSystemd:
    """Units whose state outlives the deployer, as systemd's does."""

    folder: Path
    paths: Paths

    def _read(self) -> dict[str, str]:
        file = self.folder / "units.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def _note(self, unit: str, status: str) -> None:
        units = {**self._read(), unit: status}
        (self.folder / "units.json").write_text(json.dumps(units))

    def start(self, unit: str, within_s: float) -> None:
        del within_s
        slot = unit.partition("@")[2].partition(".")[0]
        guard = Guard(self.paths, lambda _: None, "b1", lambda: "now", KernelDisk())
        role = guard.ask(slot)
        if role is Role.NOTHING or not (self.paths.slot(slot) / "whole").exists():
            msg = f"{unit} did not start"
            raise StepFailedError(msg)
        self._note(unit, "standby: warm" if role is Role.STANDBY else "runs")

    def stop(self, unit: str, within_s: float = 5.0) -> None:
        del within_s
        self._note(unit, "")

    def take_over(self, unit: str) -> None:
        if self._read().get(unit):
            self._note(unit, "runs")

    def show(self, unit: str) -> UnitState:
        status = self._read().get(unit, "")
        active = "active" if status else "inactive"
        return UnitState(active, "success", 0, status, 1000)


@dataclass(frozen=True, slots=True)
class FileBuilder(SlotBuilder):
    """Fills a slot with two small files."""

    def build(self, release: object, slot: Path) -> None:
        self.remove(slot)
        slot.mkdir(parents=True)
        (slot / "version").write_text(release.version)  # type: ignore[attr-defined]
        (slot / "whole").write_text("yes")


class SteadyProbes:
    """Everything is well."""

    def look(self) -> Figures:
        return Figures("ready")

    def ring(self, slot: str) -> Rung:
        del slot
        return Rung(10.0)

    def available_bytes(self) -> int:
        return 1 << 40


def world_of(folder: Path) -> World:
    paths = Paths(folder / "opt", folder / "state", folder / "run")
    now_s = [0.0]

    def sleep(seconds: float) -> None:
        now_s[0] += seconds

    return World(
        paths=paths,
        state=StateFile(paths.state_dir),
        systemd=FileSystemd(folder, paths),
        probes=SteadyProbes(),
        builder=FileBuilder("python3", KernelDisk()),
        boot="b1",
        who="test",
        monotonic_s=lambda: now_s[0],
        sleep=sleep,
    )


def main() -> int:
    folder, act = Path(sys.argv[1]), sys.argv[2]
    settings = load(folder / "doorbell.toml", {})
    deployer = BlueGreenDeployer(settings, world_of(folder), trusts_unsigned=True)
    try:
        if act == "check":
            deployer.tend()
            return 0
        stays = deployer.deploy(NEW, folder / "release")
    except (DeployError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 3
    sys.stdout.write("stays\n" if stays else "went\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
