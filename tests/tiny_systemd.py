"""A service manager of one file: real processes, a real guard, no machine to boot."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from production.deployment.disk import KernelDisk
from production.deployment.guard import Guard
from production.deployment.slots import Role
from production.deployment.systemd import UnitState
from production.errors import StepFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from production.deployment.disk import Disk
    from production.deployment.paths import Paths

LOOK_S = 0.01
RESTART_S = 0.05
WATCHDOG_S = 0.8
START_LIMIT = 20


@dataclass
class Unit:
    """One slot's unit, as systemd keeps it."""

    slot: str
    wanted: bool = False
    active: str = "inactive"
    result: str = "success"
    restarts: int = 0
    status: str = ""
    starts: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    heard_s: float = 0.0


class TinySystemd:
    """Starts slots as `doorbell@.service` says: guard, notify, watchdog, restart."""

    def __init__(
        self, paths: Paths, folder: Path, environ: dict[str, str], boot: str = "boot-1"
    ) -> None:
        self._paths = paths
        self._folder = folder
        self._environ = environ
        self.boot = boot
        self.disk: Disk = KernelDisk()
        self.units = {slot: Unit(slot) for slot in ("blue", "green")}
        self._sockets = {slot: self._bound(slot) for slot in self.units}
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    # What the deployer asks.

    def start(self, unit: str, within_s: float) -> None:
        one = self._unit(unit)
        with self._lock:
            one.wanted, one.restarts, one.result = True, 0, "success"
            if one.active in ("inactive", "failed"):
                self._launch(one)
        deadline_s = time.monotonic() + within_s
        while one.active not in ("active", "inactive", "failed"):
            if time.monotonic() > deadline_s:
                self.stop(unit)
                raise _not_started(unit, "timeout")
            if one.restarts and one.active == "activating":
                # systemctl waits for the job, which ended with the first attempt.
                raise _not_started(unit, one.result)
            time.sleep(LOOK_S)
        if one.active != "active":
            raise _not_started(unit, one.result)

    def stop(self, unit: str, within_s: float = 5.0) -> None:
        one = self._unit(unit)
        with self._lock:
            one.wanted = False
            process = one.process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                process.wait(min(within_s, 5.0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        with self._lock:
            one.process, one.active, one.status = None, "inactive", ""

    def take_over(self, unit: str) -> None:
        one = self._unit(unit)
        with contextlib.suppress(ProcessLookupError):
            if one.process is not None:
                one.process.send_signal(signal.SIGUSR1)

    def show(self, unit: str) -> UnitState:
        one = self._unit(unit)
        with self._lock:
            return UnitState(
                one.active, one.result, one.restarts, one.status, 50_000_000
            )

    # What a test does.

    def power_cut(self, boot: str) -> None:
        """Kill everything at once, and boot again."""
        with self._lock:
            for one in self.units.values():
                one.wanted = False
                if one.process is not None:
                    one.process.kill()
                    one.process.wait()
                one.process, one.active, one.status = None, "inactive", ""
            self.boot = boot
        for slot in self.units:
            with contextlib.suppress(StepFailedError):
                self.start(self._paths.unit_of(slot), 5.0)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        for slot in self.units:
            self.stop(self._paths.unit_of(slot))
        for sock in self._sockets.values():
            sock.close()

    # How it does it.

    def _unit(self, name: str) -> Unit:
        return self.units[name.partition("@")[2].partition(".")[0]]

    def _bound(self, slot: str) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(str(self._folder / f"{slot}.sock"))
        sock.setblocking(False)
        return sock

    def _wake(self, unit: str) -> None:
        """As the guard does it: a slot that stands by is told, another one started."""
        self.take_over(unit)
        one = self._unit(unit)
        one.wanted = True
        if one.active in ("inactive", "failed"):
            self._launch(one)

    def _launch(self, one: Unit) -> None:
        guard = Guard(self._paths, self._wake, self.boot, lambda: "now", self.disk)
        role = guard.ask(one.slot)
        one.starts.append(str(role))
        if role is Role.NOTHING:
            one.wanted, one.active, one.result = False, "inactive", "exec-condition"
            return
        text = self._paths.options_file(one.slot).read_text()
        lines = dict(line.split("=", 1) for line in text.splitlines())
        program = self._paths.slot(one.slot) / "bin" / "doorbell"
        one.status, one.active, one.heard_s = "", "activating", time.monotonic()
        try:
            one.process = subprocess.Popen(
                [str(program), "run", *lines["DOORBELL_RUN_OPTIONS"].split()],
                env={
                    **os.environ,
                    **self._environ,
                    **lines,
                    "NOTIFY_SOCKET": str(self._folder / f"{one.slot}.sock"),
                },
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            one.process = None

    def _look_on(self) -> None:
        while not self._ended.wait(LOOK_S):
            with self._lock:
                for one in self.units.values():
                    self._hear(one)
                    self._mourn(one)

    def _hear(self, one: Unit) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                said = self._sockets[one.slot].recv(4096).decode()
                one.heard_s = time.monotonic()
                for line in said.splitlines():
                    key, _, value = line.partition("=")
                    if key == "READY":
                        one.active = "active"
                    if key == "STATUS":
                        one.status = value

    def _mourn(self, one: Unit) -> None:
        silent_s = time.monotonic() - one.heard_s
        if one.active == "active" and silent_s > WATCHDOG_S and one.process:
            one.process.kill()
            one.result = "watchdog"
        if not one.wanted or (one.process and one.process.poll() is None):
            return
        if one.process is not None and one.result != "watchdog":
            one.result = "exit-code"
        one.process, one.status = None, ""
        if one.restarts >= START_LIMIT:
            one.active, one.wanted = "failed", False
            return
        one.restarts += 1
        one.active = "activating"
        self._ended.wait(RESTART_S)
        self._launch(one)


def _not_started(unit: str, why: str) -> StepFailedError:
    return StepFailedError(f"{unit} did not start: {why}")
