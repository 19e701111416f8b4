"""What hangs is noticed and mended within five seconds, at test settings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from door import HOLDER, SLOT

from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from door import Door

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(120)]

MENDED_S = 5.0


@pytest.fixture(autouse=True, scope="module")
def _hurried(door: Door) -> Iterator[None]:
    door.hurry()
    yield
    door.take_time()


@pytest.fixture(autouse=True)
def _well(door: Door) -> None:
    door.ready()


def mended(door: Door, pid: Callable[[], int], works: Callable[[], bool]) -> float:
    """Stop a process, and return after how long another one does its work."""
    old = pid()
    door.machine.run(f"kill -STOP {old}")
    began_s = time.monotonic()
    until(lambda: works() and pid() not in {old, 0}, 20.0, "mended")
    return time.monotonic() - began_s


def main_pid(door: Door, unit: str) -> int:
    return int(door.machine.property(unit, "MainPID"))


@pytest.mark.parametrize("unit", [SLOT, HOLDER])
def test_a_hung_service_is_replaced(door: Door, note: list[str], unit: str) -> None:
    # READY=1 is only said when a press is heard again.
    took_s = mended(
        door, lambda: main_pid(door, unit), lambda: door.machine.is_active(unit)
    )
    note.append(f"{unit} hung: mended after {took_s:.1f} s")
    assert took_s <= MENDED_S


@pytest.mark.parametrize("role", ["vision", "notify", "capture"])
def test_a_hung_worker_is_replaced(door: Door, note: list[str], role: str) -> None:
    took_s = mended(door, lambda: door.pid(role), door.is_ready)
    note.append(f"worker {role} hung: mended after {took_s:.1f} s")
    assert took_s <= MENDED_S


def test_a_press_while_the_daemon_hangs_is_told(door: Door) -> None:
    before = len(door.pushes())
    door.machine.run(f"kill -STOP {main_pid(door, SLOT)}")
    door.press()
    door.told(before + 1, 15.0)
