"""The holder is killed under presses, with systemd keeping its line."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from door import HOLDER

from doorbell.core.ring_id import press_id
from doorbell.testing.button import Presser
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from door import Door

KILLS = 100 if os.environ.get("FULL") else 8

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(300)]


def test_no_kill_of_the_holder_loses_or_doubles_a_ring(
    door: Door, note: list[str]
) -> None:
    door.ready()
    counted, earlier = door.rings(), door.journalled()
    chance = random.Random(5)  # noqa: S311 - when to kill is no secret
    presser = Presser(door.finger, 6)
    presser.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.1, 1.0))
        door.machine.run(f"systemctl kill -s KILL {HOLDER}")
    presser.stop()
    boot_id = door.boot_id()
    wanted = Counter(press_id(boot_id, at_ns) for at_ns in presser.presses)
    until(lambda: door.journalled() - earlier >= wanted, 10.0, "journalled")
    found = door.journalled() - earlier
    until(lambda: door.rings() - counted >= wanted.total(), 20.0, "stored")
    note.append(
        f"{KILLS} kills of the holder, {wanted.total()} presses: "
        f"lost {(wanted - found).total()}, doubled {(found - wanted).total()}"
    )
    assert found == wanted
    assert door.rings() - counted == wanted.total()


def test_settings_are_read_anew_without_losing_the_line(door: Door) -> None:
    door.ready()
    before = len(door.pushes())
    old = door.machine.property(HOLDER, "MainPID")
    door.finger.edge(pressed=True)
    door.machine.run(f"systemctl reload {HOLDER}")
    until(lambda: door.machine.property(HOLDER, "MainPID") not in {old, "0"})
    door.finger.edge(pressed=False)
    door.told(before + 1)
