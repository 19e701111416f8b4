"""From the test socket to the disk: mock pin, gpiozero, rules, journal, chime."""

from __future__ import annotations

import select
import time
import uuid
from typing import TYPE_CHECKING

import msgspec

from config.production.production_settings import ProductionSettings
from doorbell.adapters.button_mock import MockButton
from doorbell.adapters.chime import CommandChime
from doorbell.adapters.clock import SystemClock
from doorbell.adapters.ring_journal import RingJournal, read_rings
from doorbell.stages.button import ButtonStage
from doorbell.stages.messages import PressBegan, Rung
from doorbell.testing.button import press
from doorbell.testing.outlet import RecordingOutlet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def turn_until(stage: ButtonStage, condition: Callable[[], bool]) -> None:
    """Drive the stage as a worker's loop does."""
    deadline_s = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline_s
        wait_s = stage.turn(time.monotonic())
        select.select(stage.descriptors(), [], [], min(wait_s, 1.0))


def test_each_press_is_on_disk_before_it_is_told(
    tmp_path: Path,
) -> None:
    folder, path = tmp_path / "journal", tmp_path / "run" / "button.sock"
    settings = msgspec.convert({"button": {"source": "mock"}}, ProductionSettings)
    stage = ButtonStage(
        settings,
        button=MockButton(settings.button, path),
        journal=RingJournal(folder, slots=4),
        chime=CommandChime(["true"], timeout_s=1.0),
        led=None,
        clock=SystemClock(),
        new_id=lambda: uuid.uuid4().hex,
    )
    outlet = RecordingOutlet()
    stage.start(outlet)
    for held_ms in (40,) * 6:
        press(path, held_ms)
    turn_until(stage, lambda: len(outlet.of(Rung)) == 6)
    rings = [message.ring for message in outlet.of(Rung)]
    assert read_rings(folder, 0).rings == rings
    assert [ring.source for ring in rings] == ["mock"] * 6
    assert all(ring.durable for ring in rings)
    began = {message.press: message.stamp for message in outlet.of(PressBegan)}
    assert [began[m.press] for m in outlet.of(Rung)] == [ring.stamp for ring in rings]
    stage.close()
