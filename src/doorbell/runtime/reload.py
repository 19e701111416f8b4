"""Which settings a running daemon can take over, and whom it must restart for that.

Pure. Workers take a new configuration by being restarted, which they are built for;
what the supervisor itself holds (state, sockets, the frame ring) stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import structs

from doorbell.runtime.vision_team import VISION, vision_roles

if TYPE_CHECKING:
    from config.production.production_settings import ProductionSettings

# Section to the workers that read it. A section that is not here is the supervisor's.
READERS: dict[str, tuple[str, ...]] = {
    "button": ("button",),
    "chime": ("button",),
    "camera": ("capture",),
    "vision": (VISION,),
    "notify": ("notify",),
    "log": ("button", "capture", "vision", "notify", "web", "traces"),
    "web": ("web",),
}
# The ring of frames was made for these, the sockets were bound for those.
FIXED = {
    "camera": ("width", "height", "rate_fps", "preroll_s"),
    "web": ("enabled", "listen"),
    "vision": ("workers",),
}


@dataclass(frozen=True, slots=True)
class Reload:
    """What a reload comes to.

    Attributes:
        settings: the old ones with everything taken over that can be.
        roles: workers to restart.
        needs_restart: keys that changed but stay as they were.
    """

    settings: ProductionSettings
    roles: tuple[str, ...]
    needs_restart: tuple[str, ...]


def plan_reload(now: ProductionSettings, wanted: ProductionSettings) -> Reload:
    """Compare the settings in force with those in the file."""
    changed = [
        name
        for name in now.__struct_fields__
        if getattr(now, name) != getattr(wanted, name)
    ]
    stays = [name for name in changed if name not in READERS]
    stays += [name for name in FIXED if _is_fixed_changed(name, now, wanted)]
    taken = [name for name in changed if name not in stays]
    kinds = {role for name in taken for role in READERS[name]}
    roles = kinds.union(vision_roles(now.vision.workers) if VISION in kinds else ())
    return Reload(
        structs.replace(now, **{name: getattr(wanted, name) for name in taken}),
        tuple(sorted(roles)),
        tuple(stays),
    )


def _is_fixed_changed(
    section: str, now: ProductionSettings, wanted: ProductionSettings
) -> bool:
    ours, theirs = getattr(now, section), getattr(wanted, section)
    return any(getattr(ours, key) != getattr(theirs, key) for key in FIXED[section])
