"""What the deployer asks of the service manager, and the real one behind it."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from production.errors import StepFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ASK_S = 20.0
_LOOK_S = 0.05
# Beyond `TimeoutStopSec=` of the units, so that systemd ends them itself.
STOP_S = 120.0
OVER = frozenset({"inactive", "failed"})
# What systemd prints where nothing is known.
_NOT_SET = {"", "[not set]", str(2**64 - 1)}
_SHOWN = (
    "ActiveState",
    "Result",
    "NRestarts",
    "MemoryCurrent",
    "StatusText",
)


@dataclass(frozen=True, slots=True)
class UnitState:
    """A unit, as the service manager sees it.

    Attributes:
        active: `active`, `activating`, `inactive`, `failed`…
        result: why it ended last; `success`, `watchdog`, `exit-code`…
        restarts: automatic ones since it was started by hand.
        status: the sentence it gave of itself.
        memory_bytes: of all its processes; None if it is not accounted.
    """

    active: str = "inactive"
    result: str = "success"
    restarts: int = 0
    status: str = ""
    memory_bytes: int | None = None

    @property
    def is_active(self) -> bool:
        """Whether it runs and has said that it is ready."""
        return self.active == "active"

    @property
    def stands_by(self) -> bool:
        """Whether it is loaded and waits to take over."""
        return self.is_active and self.status.startswith("standby")


class Systemd(Protocol):
    """The service manager."""

    def start(self, unit: str, within_s: float) -> None:
        """Start a unit and wait until it is ready.

        Raises:
            StepFailedError: it is not ready in time, or ended.
        """
        ...

    def stop(self, unit: str, within_s: float = STOP_S) -> None:
        """End a unit, in order if it does so in this time; else it is killed.

        Raises:
            StepFailedError: it cannot be ended.
        """
        ...

    def take_over(self, unit: str) -> None:
        """Tell a unit that stands by to take the door; others ignore it."""
        ...

    def show(self, unit: str) -> UnitState:
        """Look at a unit."""
        ...


class SystemdControl:
    """`systemctl` on this machine."""

    def start(self, unit: str, within_s: float) -> None:
        """See `Systemd.start`."""
        # A unit that failed too often lately is not started again without this.
        self._ask("reset-failed", unit)
        code, text = self._ask("start", unit, within_s=within_s)
        if code != 0:
            msg = f"{unit} did not start: {text or self.show(unit).result}"
            raise StepFailedError(msg, hint=f"See `journalctl -u {unit}`.")
        if not self.show(unit).is_active:
            # Skipped by the guard: systemctl calls that a success.
            msg = (
                f"{unit} was not let start: {self.show(unit).status or 'by the guard'}"
            )
            raise StepFailedError(msg, hint="See `doorbell-deploy status`.")

    def stop(self, unit: str, within_s: float = STOP_S) -> None:
        """See `Systemd.stop`."""
        self._ask("stop", "--no-block", unit)
        deadline_s = time.monotonic() + within_s
        while self.show(unit).active not in OVER and time.monotonic() < deadline_s:
            time.sleep(_LOOK_S)
        if self.show(unit).active not in OVER:
            self._ask("kill", "--signal=SIGKILL", unit)
        code, text = self._ask("stop", unit, within_s=STOP_S)
        if code != 0:
            msg = f"{unit} cannot be stopped: {text}"
            raise StepFailedError(msg)

    def take_over(self, unit: str) -> None:
        """See `Systemd.take_over`."""
        self._ask("kill", "--kill-who=main", "--signal=SIGUSR1", unit)

    def show(self, unit: str) -> UnitState:
        """See `Systemd.show`."""
        _, text = self._ask("show", f"--property={','.join(_SHOWN)}", unit)
        return parse_show(text)

    def _ask(self, *words: str, within_s: float = _ASK_S) -> tuple[int, str]:
        command = ["systemctl", *words]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=within_s,
            )
        except subprocess.TimeoutExpired as error:
            msg = f"`{' '.join(command)}` took longer than {within_s:.0f} s"
            raise StepFailedError(msg) from error
        except OSError as error:
            msg = f"systemctl cannot be run: {error.strerror}"
            raise StepFailedError(msg, hint="Updates need systemd.") from error
        return done.returncode, (done.stdout or done.stderr).strip()


def parse_show(text: str) -> UnitState:
    """Read what `systemctl show` prints: `Property=value` lines."""
    pairs = (line.partition("=") for line in text.splitlines())
    values = {key: value for key, _, value in pairs}
    return UnitState(
        active=values.get("ActiveState", "inactive"),
        result=values.get("Result", "success"),
        restarts=_number(values, "NRestarts") or 0,
        status=values.get("StatusText", ""),
        memory_bytes=_number(values, "MemoryCurrent"),
    )


def _number(values: Mapping[str, str], key: str) -> int | None:
    text = values.get(key, "")
    return None if text in _NOT_SET or not text.isdigit() else int(text)
