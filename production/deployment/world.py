"""Everything outside that a deployment touches, so that a test can put in its own."""

from __future__ import annotations

import ctypes
import getpass
import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from production.deployment.paths import Paths, boot_id
from production.deployment.probes import MachineProbes
from production.deployment.recorder import AuditRecorder, no_record
from production.deployment.slot_builder import usual_builder
from production.deployment.state_file import StateFile
from production.deployment.systemd import SystemdControl
from production.errors import DeployError
from production.installation.holder_venv import usual_holder

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.production.production_settings import ProductionSettings
    from production.deployment.probes import Probes
    from production.deployment.recorder import Recorder
    from production.deployment.slot_builder import SlotBuilder
    from production.deployment.systemd import Systemd

# systemd-timesyncd touches it when it has set the clock in this boot.
_TIMESYNC_MARK = Path("/run/systemd/timesync/synchronized")
# adjtimex(2): what it returns while STA_UNSYNC is set; the struct is 208 bytes.
_TIME_ERROR = 5
_TIMEX_BYTES = 512
HOLDER_UNIT = "doorbell-button.service"
AUDIT_UNIT = "doorbell-audit.service"


def is_clock_synchronised() -> bool:
    """Ask the kernel, and whoever sets the clock."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = int(ctypes.CDLL(None, use_errno=True).adjtimex(timex))
    return 0 <= state < _TIME_ERROR or _TIMESYNC_MARK.exists()


def wall_now() -> str:
    """Wall time as the history has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def who_asks() -> str:
    """Name whoever called, also through sudo."""
    name = os.environ.get("SUDO_USER")
    if name:
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


@dataclass(slots=True)
class World:
    """The machine as the deployer sees it.

    Attributes:
        say: hears of each step, for people.
        who: asked for it, in words of people.
        actor: the same in the audit log, which has no names.
        committed: called with the folder of a slot that stays.
        record: puts what is done to releases into the audit log.
    """

    paths: Paths
    state: StateFile
    systemd: Systemd
    probes: Probes
    builder: SlotBuilder
    boot: str
    who: str = ""
    actor: str = "uid:0"
    say: Callable[[str], None] = field(default=lambda _: None)
    now: Callable[[], str] = wall_now
    is_synchronised: Callable[[], bool] = is_clock_synchronised
    monotonic_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    committed: Callable[[Path], None] = field(default=lambda _: None)
    record: Recorder = no_record


def usual_world(
    settings: ProductionSettings,
    say: Callable[[str], None] = lambda _: None,
    config: str | None = None,
) -> World:
    """Return the world of this machine.

    Args:
        settings: section `[deploy]` and where the operations port is.
        say: hears of each step.
        config: the settings file that a slot's program is given.
    """
    deploy = settings.deploy
    paths = Paths(
        Path(deploy.root).absolute(),
        Path(deploy.state_dir).absolute(),
        Path(deploy.run_dir).absolute(),
        deploy.unit,
    )
    config = str(Path(config).absolute()) if config else None
    paths.state_dir.mkdir(parents=True, exist_ok=True)
    return World(
        paths=paths,
        state=StateFile(paths.state_dir),
        systemd=SystemdControl(),
        probes=MachineProbes(settings, paths, config),
        builder=usual_builder(deploy.python),
        boot=boot_id(paths.run_dir),
        who=who_asks(),
        actor=f"uid:{os.environ.get('SUDO_UID') or os.getuid()}",
        say=say,
        record=AuditRecorder(settings, say),
        committed=lambda slot: follow(paths, deploy.python, slot, say),
    )


def follow(paths: Paths, python: str, slot: Path, say: Callable[[str], None]) -> None:
    """Have the other services go over to a release that stays."""
    refresh_holder(paths, python, slot, say)
    # The slot that it was started from is the next to be emptied.
    _restart(AUDIT_UNIT)


def _restart(unit: str) -> None:
    command = ["systemctl", "try-restart", unit]
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(command, check=False, timeout=60)


def refresh_holder(
    paths: Paths, python: str, slot: Path, say: Callable[[str], None]
) -> None:
    """Bring the button holder up to a release that stays, if its part changed.

    A holder that cannot be made is told: the old one goes on holding the line.
    """
    try:
        if not usual_holder(paths.root, python).refresh(slot):
            return
    except DeployError as error:
        say(f"the button holder stays as it was: {error}")
        return
    say("the button holder changed: it is started anew, its line stays open")
    _restart(HOLDER_UNIT)
