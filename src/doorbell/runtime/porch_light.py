"""A light at the door, switched on by a press in the dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.core.quality import DARK
from doorbell.stages.messages import LightUp

if TYPE_CHECKING:
    from doorbell.runtime.hub import Hub


def light_up_if_dark(hub: Hub) -> None:
    """Have the light switched on if the newest frame is dark and there is one."""
    if hub.settings.button.light_pin is None:
        return
    frames = hub.desk.preroll(hub.clock.mono_ns())
    if frames and frames[-1].brightness < DARK:
        hub.supervisor.send("button", LightUp())
