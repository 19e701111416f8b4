"""`doorbell-deploy guard SLOT`: may this slot start, and as what?

Runs before the slot's code, from the deployer's own venv, at each start of its unit.
A start of a release on trial is counted on disk *before* the code runs, so that a
release that kills the machine cannot do so more often than it has tries. It imports
next to nothing, and never leaves the door without a slot: what it cannot read it
replaces by the link `current`, what it cannot count it does not start.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from production.deployment.disk import KernelDisk, point_link
from production.deployment.paths import boot_id, find_paths
from production.deployment.slots import (
    SLOTS,
    DeployState,
    Ending,
    Role,
    Start,
    decide_start,
    roll_back,
)
from production.deployment.state_file import StateFile
from production.errors import BusyError, StateUnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from production.deployment.disk import Disk
    from production.deployment.paths import Paths

START = 0
# ExecCondition= of systemd: 1 to 254 skips the unit, 255 is a failure to be retried.
SKIP = 1
RETRY = 255
USAGE = 2
JUDGE_UNIT = "doorbell-deploy.service"
STANDBY_OPTIONS = "--standby"
NO_TRIES_LEFT = "it was started as often as it may be and did not prove itself"
CARD_FAILED = "the card cannot be written, so its starts cannot be counted"
USAGE_TEXT = """\
usage: doorbell-deploy guard {blue,green}

Says whether a slot may start, for its unit; counts the starts of a trial.

example:
  ExecCondition=+/opt/doorbell/deploy/bin/doorbell-deploy guard %i

exit code: 0 start, 1 leave it (the other slot runs the door), 255 try again later
"""


@dataclass(slots=True)
class Guard:
    """The guard on one machine.

    Args:
        wake: has a slot take the door, without waiting for it.
        judge: sees to it that somebody judges the trial, without waiting.
        boot: id of this boot.
        now: wall time, for the history.
    """

    paths: Paths
    wake: Callable[[str], None]
    boot: str
    now: Callable[[], str]
    disk: Disk
    judge: Callable[[], None] = field(default=lambda: None)

    def ask(self, slot: str) -> Role:
        """Decide, make it durable, and only then say so.

        Raises:
            BusyError: the state is locked and does not become free.
        """
        start = self._decide(slot)
        if start.wake:
            self.wake(self.paths.unit_of(start.wake))
        if start.role is Role.ACTIVE and start.state.on_trial is not None:
            # Whoever began to judge it may have ended with the power.
            self.judge()
        if start.role is Role.NOTHING or self._leaves_options(slot, start.role):
            return start.role
        # Without its options it would come up as the one that runs the door.
        return start.role if start.role is Role.ACTIVE else Role.NOTHING

    def _decide(self, slot: str) -> Start:
        file = StateFile(self.paths.state_dir, self.disk)
        try:
            with file.locked():
                state = file.read() or self._as_linked(slot)
                start = self._consider_preference(state, slot)
                return self._counted(file, state, start)
        except StateUnreadableError as error:
            _complain(str(error))
            linked = self._as_linked(slot)
            role = Role.ACTIVE if linked.active == slot else Role.NOTHING
            return Start(role, linked)

    def _consider_preference(self, state: DeployState, slot: str) -> Start:
        ending = Ending(NO_TRIES_LEFT, self.now())
        current = state.on_trial
        if current is not None and slot == current.previous and self._prefers(slot):
            back = roll_back(state, Ending(CARD_FAILED, self.now()))
            return Start(Role.ACTIVE, back)
        return decide_start(state, slot, self.boot, ending)

    def _counted(self, file: StateFile, state: DeployState, start: Start) -> Start:
        if start.state != state:
            try:
                file.write(start.state)
            except OSError as error:
                _complain(f"{file.path}: {error.strerror or error}")
                return self._uncounted(state, start)
        self._mend_link(start.state.active)
        return start

    def _uncounted(self, state: DeployState, start: Start) -> Start:
        """What cannot be counted is not started, if there is something else."""
        current = state.on_trial
        is_fallback = current is not None and start.state.active == current.previous
        if current is None or not current.previous:
            return start
        if is_fallback and start.role is Role.ACTIVE:
            return start
        self._prefer(current.previous)
        return Start(Role.NOTHING, state, wake=current.previous)

    def _as_linked(self, slot: str) -> DeployState:
        """What holds where nothing was written: the link, else the only slot."""
        try:
            linked = os.path.basename(self.disk.readlink(self.paths.current))  # noqa: PTH119 - text, as the simulated disk has it
        except OSError:
            linked = slot
        return DeployState(active=linked if linked in SLOTS else slot)

    def _mend_link(self, active: str) -> None:
        if not active:
            return
        wanted = f"slots/{active}"
        try:
            if self.disk.readlink(self.paths.current) == wanted:
                return
        except OSError:
            pass
        try:
            point_link(self.disk, wanted, str(self.paths.current))
        except OSError as error:
            _complain(f"{self.paths.current}: {error.strerror or error}")

    # In memory only, for a card that cannot be written.

    def _prefers(self, slot: str) -> bool:
        try:
            return (self.paths.run_dir / "prefer").read_text("ascii") == slot
        except OSError:
            return False

    def _prefer(self, slot: str) -> None:
        try:
            self.paths.run_dir.mkdir(parents=True, exist_ok=True)
            (self.paths.run_dir / "prefer").write_text(slot, "ascii")
        except OSError as error:
            _complain(f"{self.paths.run_dir}: {error.strerror or error}")

    def _leaves_options(self, slot: str, role: Role) -> bool:
        options = STANDBY_OPTIONS if role is Role.STANDBY else ""
        file = self.paths.options_file(slot)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(
                f"DOORBELL_RUN_OPTIONS={options}\nDOORBELL_SLOT={slot}\n", "ascii"
            )
        except OSError as error:
            _complain(f"{file}: {error.strerror or error}")
            return False
        return True


def _complain(text: str) -> None:
    sys.stderr.write(f"guard: {text}\n")


def _wake(unit: str) -> None:
    """Have a slot take the door: one that stands by is told, another one started."""
    # Without waiting: this runs inside a job of the same manager.
    _tell_systemd("kill", "--kill-who=main", "--signal=SIGUSR1", unit)
    _tell_systemd("start", "--no-block", unit)


def have_judged() -> None:
    """Have the trial judged by the timer's unit, or by whoever does so already."""
    _tell_systemd("start", "--no-block", JUDGE_UNIT)


def _tell_systemd(*words: str) -> None:
    command = ["systemctl", *words]
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(command, check=False, timeout=20, stderr=subprocess.DEVNULL)


def main(arguments: Sequence[str]) -> int:
    """Answer for one slot.

    Args:
        arguments: the words after `guard`.
    """
    words = [word for word in arguments if not word.startswith("-")]
    if "--help" in arguments or "-h" in arguments:
        sys.stdout.write(USAGE_TEXT)
        return START
    if len(words) != 1 or words[0] not in SLOTS:
        sys.stderr.write(USAGE_TEXT)
        return USAGE
    paths = find_paths(None, os.environ)
    guard = Guard(
        paths=paths,
        wake=_wake,
        boot=boot_id(paths.run_dir),
        now=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
        disk=KernelDisk(),
        judge=have_judged,
    )
    try:
        role = guard.ask(words[0])
    except BusyError as error:
        _complain(str(error))
        return RETRY
    sys.stdout.write(f"{words[0]}: {role}\n")
    return SKIP if role is Role.NOTHING else START
