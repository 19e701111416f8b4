"""What a worker is told of the settings: who faces the network learns no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from config.door import Camera, Chime
from config.notify import Notify

if TYPE_CHECKING:
    from doorbell.stages.messages import Configure


def confided(role: str, configuration: Configure) -> Configure:
    """Return the configuration as `role` gets it.

    The web process needs neither the targets' addresses, which hold their tokens, nor
    the camera's.
    """
    if role != "web":
        return configuration
    settings = structs.replace(
        configuration.settings, notify=Notify(), camera=Camera(), chime=Chime()
    )
    return structs.replace(configuration, settings=settings)
