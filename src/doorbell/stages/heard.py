"""What the people at the door and in the house notice of a ring: light and chime."""

from __future__ import annotations

import contextlib
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from doorbell.core.errors import DoorbellError
from doorbell.core.quiet import is_quiet
from doorbell.core.stamp import NS_PER_S, Stamp

if TYPE_CHECKING:
    from datetime import time as time_of_day

    from config.production.production_settings import ProductionSettings
    from doorbell.core.ring import RingSource
    from doorbell.ports.clock import Clock
    from doorbell.ports.signal import Signal

log = logging.getLogger("doorbell.button")

# A ring just before the end is still heard, if the chime is not a symphony.
_LAST_SOUND_S = 2.0
_LOOK_AGAIN_S = 0.02


def local_time(stamp: Stamp, zone_name: str) -> time_of_day:
    """Return the time of day at `stamp`; an unknown zone means the system's."""
    zone = None
    with contextlib.suppress(ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo(zone_name) if zone_name else None
    return datetime.fromtimestamp(stamp.wall_ns / NS_PER_S, UTC).astimezone(zone).time()


class Heard:
    """The chime and the light; neither ever holds up a ring.

    Args:
        settings: quiet hours, time zone, and whether there is a chime at all.
        chime: what sounds in the house.
        led: the light that says `heard you`, if there is one.
        clock: both clocks.
        light: the light at the door, for a press in the dark.
    """

    def __init__(
        self,
        settings: ProductionSettings,
        chime: Signal,
        led: Signal | None,
        clock: Clock,
        light: Signal | None = None,
    ) -> None:
        self._settings = settings
        self._chime, self._led, self._clock = chime, led, clock
        self._light = light

    def light(self, source: RingSource) -> None:
        """Say `heard you`, but not to a self-test."""
        if self._led is not None and source != "synthetic":
            self._start(self._led, "light_failed")

    def light_up(self) -> None:
        """Light the door, if there is a light."""
        if self._light is not None:
            self._start(self._light, "light_failed")

    def sound(self, source: RingSource, stamp: Stamp) -> None:
        """Sound the chime, unless it is night, a self-test, or switched off."""
        if source == "synthetic" or not self._settings.features.chime:
            return
        # A clock that was never set must not silence the bell.
        if stamp.synced:
            local = local_time(stamp, self._settings.notify.timezone)
            if is_quiet(self._settings.chime.quiet_hours, local):
                return
        self._start(self._chime, "chime_failed")

    def turn(self, now_ns: int) -> float | None:
        """End what went on long enough; seconds until the next turn, None if silent."""
        every = (self._chime, self._led, self._light)
        signals = [signal for signal in every if signal is not None]
        waits = [signal.turn(now_ns) for signal in signals]
        return min((wait_s for wait_s in waits if wait_s is not None), default=None)

    def close(self) -> None:
        """Let what sounds end within a bounded time, then be silent."""
        deadline_s = time.monotonic() + _LAST_SOUND_S
        while self._chime.turn(self._clock.mono_ns()) is not None:
            if time.monotonic() >= deadline_s:
                break
            time.sleep(_LOOK_AGAIN_S)
        self._chime.close()
        for light in (self._led, self._light):
            if light is not None:
                light.close()

    def _start(self, signal: Signal, event: str) -> None:
        try:
            signal.start(self._clock.mono_ns())
        except DoorbellError as error:
            log.warning(event, extra={"error": str(error), "hint": error.hint})
