"""The only place that names adapters: what is behind each port on this machine.

Here is what the hub and the commands need; `stage_wiring` has the workers' part,
`holder_wiring` the button holder's. Imports of heavy libraries are inside the function
that needs them: the supervisor stays small.
"""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.errors import Mistake, SettingsError
from config.secrets import read_secret
from doorbell.adapters.clock import SystemClock
from doorbell.adapters.erasures import write_erasures
from doorbell.adapters.model_catalogue import dlib_space
from doorbell.adapters.picture_decoder import DecodedPicture, decode
from doorbell.adapters.ring_journal import read_rings as _read_journal
from doorbell.adapters.sealed import sealed_memfd
from doorbell.adapters.state_lock import StateLock
from doorbell.core.retention import S_PER_DAY, RetentionLimits
from doorbell.runtime.stage_wiring import target_urls, zone
from doorbell.runtime.vision_team import vision_roles
from monitoring.logging.structured_logging import protect

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from config.production.production_settings import ProductionSettings
    from doorbell.core.ring import Ring
    from doorbell.ports.clock import Clock
    from doorbell.ports.store import Store as StateStore

    Work = Coroutine[Any, Any, None]

log = logging.getLogger("doorbell.wiring")

# In the order of their start: who can hear a ring comes first.
ROLES = ("button", "notify", "capture", "vision")

publish = sealed_memfd
__all__ = [
    "ROLES",
    "DecodedPicture",
    "decode_picture",
    "dlib_space",
    "heartbeat",
    "open_store",
    "publish",
    "read_rings",
    "remotes",
    "roles",
    "state_lock",
    "system_clock",
    "target_urls",
    "try_state",
    "write_erasures",
    "zone",
]


def remotes(settings: ProductionSettings) -> dict[str, str]:
    """Roles that systemd keeps alive in place of the supervisor, and their sockets."""
    return {"button": settings.button.holder} if settings.button.holder else {}


def system_clock() -> Clock:
    """Both clocks of this machine."""
    return SystemClock()


def roles(settings: ProductionSettings) -> tuple[str, ...]:
    """Processes that a daemon with these settings runs, in the order of their start."""
    web = ("web",) if settings.web.enabled else ()
    traces = ("traces",) if settings.tracing.endpoint else ()
    audit = () if _audit_unit_answers(settings) else ("audit",)
    more = vision_roles(settings.vision.workers)[1:]
    return (*ROLES, *more, *audit, *web, *traces)


def _audit_unit_answers(settings: ProductionSettings) -> bool:
    """Whether a unit of its own writes the audit log of this machine."""
    from monitoring.logging.audit_channel import host_at
    from monitoring.logging.audit_place import AuditPlace

    return host_at(AuditPlace.of(settings).socket) == "unit"


def state_lock(settings: ProductionSettings) -> StateLock:
    """Take the state directory for this process.

    Raises:
        UnavailableError: another process has it; says which.
    """
    return StateLock(Path(settings.storage.dir))


def open_store(settings: ProductionSettings) -> StateStore:
    """Open the durable state; called on the store's thread."""
    # SQLite and the ciphers are 4 MB that no worker needs.
    from doorbell.adapters.store_sqlite import Store, StoreOptions

    storage = settings.storage
    options = StoreOptions(
        key_file=Path(storage.key_file) if storage.key_file else None,
        limits=RetentionLimits(
            visit_s=storage.keep_days * S_PER_DAY,
            picture_s=storage.picture_days * S_PER_DAY,
            picture_bytes=storage.max_mib << 20,
        ),
        reserve_bytes=storage.reserve_kib << 10,
    )
    return Store.open(Path(storage.dir), options)


def try_state(settings: ProductionSettings) -> None:
    """Open a copy of the state as this release would: migrate it and read its key.

    Raises:
        StorageError: this release cannot use it; the state itself was only read.
    """
    from doorbell.adapters.store_trial import try_store

    storage = settings.storage
    key_file = Path(storage.key_file) if storage.key_file else None
    try_store(Path(storage.dir), key_file)


def read_rings(folder: Path, after_seq: int) -> Sequence[Ring]:
    """Rings of the journal that come after `after_seq`."""
    found = _read_journal(folder, after_seq)
    for damage in found.damage:
        log.error("journal_damaged", extra={"detail": damage})
    return found.rings


def decode_picture(fd: int, pixels: int | None = None) -> DecodedPicture:
    """Decode a picture from outside, in a child without key or network.

    Args:
        fd: the picture's file.
        pixels: reduce it until it has no more than these; None for as it is.

    Raises:
        BadInputError: it is no picture that can be used.
    """
    picture = decode(fd)
    found = picture.width * picture.height
    if pixels is None or found <= pixels:
        return picture
    longest = max(picture.width, picture.height)
    os.close(picture.fd)
    return decode(fd, max_side=int(longest * math.sqrt(pixels / found)))


def heartbeat(
    settings: ProductionSettings,
    environ: Mapping[str, str],
    is_sound: Callable[[], bool],
) -> Callable[[], Work] | None:
    """What tells a service outside that the bell can be rung; None if none is set.

    Raises:
        SettingsError: its address cannot be read, or is no web address.
    """
    file, key = settings.alerts.heartbeat_url_file, "alerts.heartbeat_url_file"
    if not file:
        return None
    url = read_secret(key, file, environ)
    if not url.startswith(("https://", "http://")):
        raise SettingsError([Mistake(key, None, "holds no web address", file)])
    protect([url])
    from doorbell.adapters.heartbeat import beat

    return lambda: beat(url, settings.alerts.heartbeat_s, is_sound)
