"""Who was erased is noted where the backups are, lest a backup bring them back."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.core.errors import DoorbellError
from doorbell.runtime import wiring

if TYPE_CHECKING:
    from doorbell.runtime.hub import Hub

log = logging.getLogger("doorbell.household")


async def note_erasures(hub: Hub) -> None:
    """Write the whole list anew; a medium that is not there is logged.

    It is written by the next erasure or start in any case.
    """
    folder = hub.settings.backup.dir
    if not folder:
        return
    try:
        gone = await hub.ledger.call(lambda store: store.tombstones())
        # The medium may be slow or hang: it must not hold up the store.
        await asyncio.to_thread(wiring.write_erasures, Path(folder), gone)
    except DoorbellError as error:
        extra = {
            "error": str(error),
            "hint": "Connect the medium and restart, or a backup brings them back.",
        }
        log.warning("erasures_not_noted", extra=extra)
