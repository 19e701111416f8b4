"""What a hub does again and again while it runs, whether anybody rings or not."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from doorbell.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doorbell.runtime.hub import Hub
    from doorbell.runtime.wiring import Work

log = logging.getLogger("doorbell.hub")

SWEEP_S = 5.0
# How often a card in trouble is tried again.
MEND_S = 2.0
PRUNE_S = 3600.0


def chores(hub: Hub) -> Iterator[Work]:
    """What is to run beside the hub until it ends."""
    yield _sweep(hub)
    yield _mend(hub)
    yield _prune(hub)


async def _sweep(hub: Hub) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        hub.doorkeeper.sweep()
        hub.dispatcher.wake()
        hub.desk.give_back()


async def _mend(hub: Hub) -> None:
    while True:
        await asyncio.sleep(MEND_S)
        await hub.doorkeeper.writer.mend()


async def _prune(hub: Hub) -> None:
    while True:
        await asyncio.sleep(PRUNE_S)
        hub.spawn(_prune_once(hub))


async def _prune_once(hub: Hub) -> None:
    now = hub.clock.now()
    try:
        gone = await hub.ledger.call(lambda store: store.prune(now))
    except StorageError as error:
        log.warning("prune_failed", extra={"error": str(error)})
        return
    if gone:
        log.info("pruned", extra={"rows": gone})
