"""A door whose button, disk, chime and time a test drives."""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec

from config.production.production_settings import ProductionSettings
from doorbell.core.stamp import NS_PER_S
from doorbell.stages.button import ButtonStage
from doorbell.stages.messages import (
    Rung,
)
from doorbell.testing.button import FakeButton
from doorbell.testing.clock import FakeClock
from doorbell.testing.journal import FakeJournal
from doorbell.testing.outlet import RecordingOutlet
from doorbell.testing.signal import FakeSignal

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 5.0


class Door:
    """A stage with everything around it faked, and time that a test pushes."""

    def __init__(
        self,
        *,
        settings: dict[str, Any] | None = None,
        line: str | None = "ok",
        journal: FakeJournal | None = None,
        chime: FakeSignal | None = None,
    ) -> None:
        numbers = count(1)
        self.clock, self.outlet = FakeClock(), RecordingOutlet()
        self.button = FakeButton(line) if line else None
        self.journal = journal or FakeJournal()
        self.chime, self.led = chime or FakeSignal(), FakeSignal()
        self.light = FakeSignal()
        chosen = {"notify": {"timezone": "Europe/Berlin"}, **(settings or {})}
        self.stage = ButtonStage(
            msgspec.convert(chosen, ProductionSettings),
            button=self.button,
            journal=self.journal,
            chime=self.chime,
            led=self.led,
            light=self.light,
            clock=self.clock,
            new_id=lambda: f"{next(numbers):032x}",
        )
        self.detail = self.stage.start(self.outlet)

    def drive(self, *, pressed: bool) -> None:
        assert self.button
        self.button.drive(pressed=pressed, mono_ns=self.clock.mono)
        self.turn()

    def press(self, held_s: float = 0.1, rest_s: float = 0.1) -> None:
        self.drive(pressed=True)
        self.pass_time(held_s)
        self.drive(pressed=False)
        self.pass_time(rest_s)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.turn()

    def turn(self) -> float:
        return self.stage.turn(self.clock.mono / NS_PER_S)

    def until(self, condition: Callable[[], object]) -> None:
        """Turn until something is true; the writer is a real thread."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline_s, self.outlet.sent
            self.turn()
            time.sleep(0.001)

    def rung(self, number: int) -> list[Rung]:
        """Wait for so many tellings."""
        self.until(lambda: len(self.outlet.of(Rung)) >= number)
        return self.outlet.of(Rung)
