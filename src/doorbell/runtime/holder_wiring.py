"""The button holder's part of `wiring`: its adapters, and no others.

The holder is a few MiB in a virtual environment of its own; `wiring` would bring what
the daemon needs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.adapters.button_line import ChipLine, LineButton
from doorbell.adapters.chime import CommandChime, Silence
from doorbell.adapters.clock import SystemClock
from doorbell.adapters.line_socket import SocketLine
from doorbell.adapters.pulse_line import LinePulse
from doorbell.adapters.ring_journal import RingJournal
from doorbell.stages.button import ButtonStage

if TYPE_CHECKING:
    from config.production.production_settings import ProductionSettings
    from doorbell.adapters.button_line import DescriptorStore, LineSource
    from doorbell.ports.signal import Signal

PAGE = "edges"
MOCK_LINE = "line.sock"


def build_holder(
    settings: ProductionSettings, run: Path, store: DescriptorStore
) -> ButtonStage:
    """Return the button stage on a line that outlives this process, not yet started.

    Args:
        settings: as `config.holder` reads them.
        run: folder in memory that stays over a restart.
        store: keeps the line.
    """
    clock = SystemClock()
    source = _source(settings, run)
    boot_id = clock.now().boot_id
    return ButtonStage(
        settings,
        button=LineButton(source, run / PAGE, store, boot_id) if source else None,
        journal=RingJournal(Path(settings.storage.dir) / "journal"),
        chime=_chime(settings),
        led=_led(settings),
        light=_light(settings),
        clock=clock,
        new_id=lambda: os.urandom(16).hex(),
    )


def _source(settings: ProductionSettings, run: Path) -> LineSource | None:
    match settings.button.source:
        case "gpio":
            return ChipLine(settings.button)
        case "mock":
            return SocketLine(run / MOCK_LINE)
        case "none":
            return None


def _chime(settings: ProductionSettings) -> Signal:
    chime = settings.chime
    if chime.command:
        return CommandChime(chime.command, chime.timeout_s)
    if chime.gpio_pin is not None:
        return LinePulse(chime.gpio_pin, chime.pulse_s)
    return Silence()


def _led(settings: ProductionSettings) -> Signal | None:
    pin = settings.button.led_pin
    if pin is None:
        return None
    return LinePulse(pin, settings.button.led_s, extends=True)


def _light(settings: ProductionSettings) -> Signal | None:
    pin = settings.button.light_pin
    if pin is None:
        return None
    return LinePulse(pin, settings.button.light_s, extends=True)
