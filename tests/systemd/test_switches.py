"""The door changes hands under load: no request fails, no ring is lost or doubled."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import pytest
from door import HOLDER, SLOTS
from release import make_release

from doorbell.core.ring_id import press_id
from doorbell.testing.button import Presser
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from door import Door

FULL = bool(os.environ.get("FULL"))
SWITCHES = int(os.environ.get("SWITCHES", "100" if FULL else "4"))
KILLED = int(os.environ.get("KILLED", "20" if FULL else "2"))
NEXT = "0.1.1"
# A press in the switch waits in the journal for the slot that comes.
CAUGHT_UP_S = 30.0

# Some seconds each, on a machine that has other things to do as well.
pytestmark = [pytest.mark.systemd, pytest.mark.timeout(300 + 15 * (SWITCHES + KILLED))]


class Load:
    """Presses at random and HTTP at a steady rate, from the start to `end`."""

    def __init__(self, door: Door) -> None:
        self._door = door
        shutil.copy(
            Path(__file__).parent / "http_load.py", door.machine.folder / "share"
        )
        self._counted, self._earlier = door.rings(), door.journalled()
        self._http = subprocess.Popen(
            door.machine.command(
                "exec /usr/bin/python3 /mnt/http_load.py /var/lib/doorbell/web.token"
            ),
            stdout=subprocess.PIPE,
            text=True,
        )
        self._presser = Presser(door.finger, 11)
        self._presser.start()

    def end(self) -> tuple[dict[str, Any], Counter[str], Counter[str], int]:
        """Return what HTTP saw, rings wanted and journalled, and rings in visits."""
        self._presser.stop()
        self._door.machine.run("pkill -TERM -f http_load.py")
        said, _ = self._http.communicate(timeout=60)
        boot_id = self._door.boot_id()
        presses = self._presser.presses
        wanted = Counter(press_id(boot_id, at_ns) for at_ns in presses)
        until(
            lambda: self._door.rings() - self._counted >= wanted.total(),
            CAUGHT_UP_S,
            f"{wanted.total()} rings in visits",
        )
        found = self._door.journalled() - self._earlier
        return json.loads(said), wanted, found, self._door.rings() - self._counted


@pytest.fixture(scope="module")
def two_slots(door: Door, note: list[str]) -> Iterator[Door]:
    """The door with a second release in its other slot."""
    door.ready()
    make_release(door.machine.folder / "share" / "next", NEXT)
    began_s = time.monotonic()
    door.machine.run(f"doorbell-deploy deploy {NEXT} /mnt/next --unsigned", 240.0)
    note.append(f"deployed and judged in {time.monotonic() - began_s:.1f} s")
    assert door.active() == "green"
    yield door
    # Other tests know the door as it was installed.
    if door.active() != "blue":
        switch(door)


def switch(door: Door) -> None:
    """Hand the door to the other slot."""
    door.machine.run("doorbell-deploy rollback --why test", 120.0)


def camera_gaps(door: Door, since: str) -> list[float]:
    """Seconds without a camera at each switch.

    From the word that ends the old slot to the new one's first frame: a little more
    than the gap.
    """
    lines = door.machine.run(
        f"journalctl -o json --output-fields=MESSAGE --since @{since} -u 'doorbell@*'"
    ).splitlines()
    gaps, stopped_us = [], 0
    for line in lines:
        entry = json.loads(line)
        text = str(entry["MESSAGE"])
        at_us = int(
            entry.get("_SOURCE_REALTIME_TIMESTAMP", entry["__REALTIME_TIMESTAMP"])
        )
        if text.startswith("Stopping doorbell@"):
            stopped_us = at_us
        elif '"camera_changed"' in text and '"ok"' in text and stopped_us:
            gaps.append((at_us - stopped_us) / 1e6)
            stopped_us = 0
    return gaps


def test_switches_lose_nothing(two_slots: Door, note: list[str]) -> None:
    door = two_slots
    since = door.machine.run("date +%s").strip()
    load = Load(door)
    for _ in range(SWITCHES):
        switch(door)
    http, wanted, found, counted = load.end()
    gaps = camera_gaps(door, since)
    cuts = quantiles(gaps, n=100) if len(gaps) > 1 else [0.0] * 99
    note.append(
        f"{SWITCHES} switches: {http['asked']} requests, "
        f"{len(http['failures'])} failed, slowest {http['slowest_s']:.2f} s; "
        f"{wanted.total()} presses, "
        f"lost {(wanted - found).total()}, doubled {(found - wanted).total()}; "
        f"camera gap p50 {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s of {len(gaps)}"
    )
    assert http["failures"] == []
    assert found == wanted
    assert counted == wanted.total()


def processes(door: Door) -> list[int]:
    """Everything of ours: both slots, the holder, the deployer itself."""
    groups = "/sys/fs/cgroup/system.slice"
    said = door.machine.run(
        f"cat {groups}/system-doorbell.slice/*/cgroup.procs "
        f"{groups}/{HOLDER}/cgroup.procs; pgrep -f bin/doorbell-deploy",
        check=False,
    )
    return [int(word) for word in said.split()]


def test_kills_in_the_middle_of_switches_lose_no_ring(
    two_slots: Door, note: list[str]
) -> None:
    door = two_slots
    chance = random.Random(3)  # noqa: S311 - which process to kill is no secret
    load = Load(door)
    for _ in range(KILLED):
        command = door.machine.command("doorbell-deploy rollback --why test")
        switching = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.2, 3.5))
        victim = chance.choice(processes(door))
        door.machine.run(f"kill -KILL {victim}", check=False)
        switching.wait(120)
        # What the timer does, were it time.
        door.machine.run("doorbell-deploy check", 120.0, check=False)
        door.ready()
    http, wanted, found, counted = load.end()
    note.append(
        f"{KILLED} switches with a kill: {http['asked']} requests, "
        f"{len(http['failures'])} failed; {wanted.total()} presses, "
        f"lost {(wanted - found).total()}, doubled {(found - wanted).total()}, "
        f"counted {counted}"
    )
    assert found == wanted
    assert counted == wanted.total()
    assert {door.machine.property(slot, "Result") for slot in SLOTS} == {"success"}
