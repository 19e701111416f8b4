"""The installed doorbell in its container: press it, and see who was told."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from doorbell.adapters.clock import SystemClock
from doorbell.adapters.journal_files import numbered, read
from doorbell.testing.button import LineFinger
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from machine import Machine

SETTINGS = """
profile = "development"
[button]
source = "mock"
holder = "/run/doorbell/button.sock"
merge_s = 0.1
[camera]
source = "folder:/srv/porch"
width = 640
height = 360
rate_fps = 10.0
[vision]
engine = "fake"
anticipate = false
[control]
socket = "/run/doorbell/control.sock"
[supervision]
progress_timeout_s = 2.5
backoff_s = 0.1
[web]
enabled = true
[log]
level = "info"
[notify]
deadline_s = 1.0
[[notify.targets]]
name = "phone"
url = "file:/var/lib/doorbell/pushes"
[deploy]
trial_s = 1.0
trial_rings = 1
ring_period_s = 0.05
baseline_period_s = 0.05
min_rings = 1
latency_factor = 50.0
memory_factor = 20.0
grace_s = 20.0
window = ""
"""
# Test settings: what hangs is to be noticed and mended within five seconds.
QUICK = """[Service]
WatchdogSec=1500ms
TimeoutAbortSec=500ms
RestartSec=100ms
"""
SLOT = "doorbell@blue.service"
SLOTS = (SLOT, "doorbell@green.service")
HOLDER = "doorbell-button.service"
AUDIT = "doorbell-audit.service"
LINE = "/run/doorbell/line.sock"
PUSHES = "/var/lib/doorbell/pushes"
ASK = """
import sqlite3, sys
state = sqlite3.connect("file:/var/lib/doorbell/state.db?mode=ro", uri=True)
print(int(state.execute(f"SELECT {sys.argv[1]} FROM visits").fetchone()[0]))
"""
IN_HAND = "total(state IN ('rung', 'captured'))"
# Longer than `merge_s`: the next press is another visit.
APART_S = 0.2


@dataclass
class Door:
    """One installed doorbell."""

    machine: Machine
    _finger: LineFinger | None = field(default=None, init=False)

    def configure(self) -> None:
        """Put the test's settings and porch in place, as an owner would."""
        share = self.machine.folder / "share"
        (share / "doorbell.toml").write_text(SETTINGS)
        (share / "quick.conf").write_text(QUICK)
        self.machine.run(
            "cp -rT /mnt/porch /srv/porch && chmod -R a+rX /srv/porch;"
            "cat /mnt/doorbell.toml > /etc/doorbell/doorbell.toml;"
            "doorbell config check"
        )

    def hurry(self) -> None:
        """Have hung services noticed soon: too soon for a machine under load."""
        for unit in (*SLOTS, HOLDER):
            drop = f"/etc/systemd/system/{unit}.d"
            self.machine.run(f"install -D -m 644 /mnt/quick.conf {drop}/quick.conf")
        self._restart()

    def take_time(self) -> None:
        """Undo `hurry`."""
        self.machine.run("rm -f /etc/systemd/system/doorbell*.d/quick.conf")
        self._restart()

    def _restart(self) -> None:
        units = f"{HOLDER} doorbell@{self.active()}.service"
        self.machine.run(f"systemctl daemon-reload; systemctl restart {units}")
        self.ready()

    def ready(self, within_s: float = 40.0) -> None:
        """Wait until everything runs."""
        until(self.is_ready, within_s, "ready")

    def is_ready(self) -> bool:
        """Whether button, camera, recognition and notifications work."""
        if not self.machine.path("/run/doorbell/control.sock").exists():
            return False
        status = self.status()
        workers = {one["role"]: one["state"] for one in status.get("workers", [])}
        wanted = ("button", "notify", "capture", "vision")
        return all(workers.get(role) == "running" for role in wanted)

    def status(self) -> dict[str, Any]:
        """What `doorbell status --json` says; empty while nothing answers."""
        said = self.machine.run("doorbell status --json 2>/dev/null", check=False)
        lines = said.strip().splitlines()
        try:
            return dict(json.loads(lines[-1])) if lines else {}
        except ValueError:
            return {}

    def pid(self, role: str) -> int:
        """Process of a worker, by its number inside the container."""
        workers = self.status()["workers"]
        return next(int(one["pid"]) for one in workers if one["role"] == role)

    @property
    def finger(self) -> LineFinger:
        """A finger on the button; its line is another one after a boot."""
        path = self.machine.path(LINE)
        if self._finger is None or self._finger.path != path:
            self._finger = LineFinger(path)
        return self._finger

    def active(self) -> str:
        """The slot that has the door."""
        return self.machine.path("/opt/doorbell/current").readlink().name

    def press(self) -> None:
        """Press the button, apart from earlier visits; they are over by then."""
        until(lambda: self._ask(IN_HAND) == 0, 12.0, "no visit in hand")
        time.sleep(APART_S)
        self.finger.press()

    def pushes(self) -> list[Path]:
        """The messages that the phone has."""
        return sorted(self.machine.path(PUSHES).glob("*.json"))

    def told(self, count: int, within_s: float = 8.0) -> None:
        """Wait until the phone has so many messages."""
        until(lambda: len(self.pushes()) >= count, within_s, f"{count} pushes")

    def rings(self) -> int:
        """Rings that the state has counted into visits."""
        return self._ask("total(rings * NOT synthetic)")

    def _ask(self, what: str) -> int:
        # From inside: read through the container's overlay, SQLite sees an old log.
        return int(self.machine.run(f"/usr/bin/python3 -c '{ASK}' \"{what}\""))

    def journalled(self) -> Counter[str]:
        """Every record of the journal by its ring; one written twice counts twice."""
        folder = self.machine.path("/var/lib/doorbell/journal")
        scans = [read(path) for _, path in numbered(folder)]
        return Counter(record.ring.id for found in scans for record in found.records)

    def boot_id(self) -> str:
        """The boot's id as the services see it.

        The container has one of its own, but not below `ProtectKernelTunables=`.
        """
        return SystemClock().now().boot_id
