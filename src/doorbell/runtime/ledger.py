"""The hub's way to durable state: one thread, bounded waits, and what if it fails.

A slow card must never stall routing, so every call runs on the store's own thread and
is awaited with a limit. A card that fails must not silence the bell, so the calls on
the path of a ring answer "not stored" instead of raising; what was missed is recorded
as a gap when the card works again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

from doorbell.core.errors import (
    DiskFullError,
    DoorbellError,
    KeyExposedError,
    NewerStateError,
    StorageError,
    UnavailableError,
)
from doorbell.runtime.security_desk import key_exposed
from monitoring.metrics.recording import record_stage
from monitoring.tracing.spans import operation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from doorbell.core.ring import Ring
    from doorbell.core.stamp import Stamp
    from doorbell.ports.store import (
        OutboxItem,
        OutboxState,
        Store,
        VisitRecord,
    )

log = logging.getLogger("doorbell.ledger")

T = TypeVar("T")

# A card's fsync takes 5-100 ms; one that takes this long is as good as broken, and the
# household is told from memory.
PATIENCE_S = 2.0
# While it is known to be broken nobody waits for it that long.
TROUBLED_PATIENCE_S = 0.3
# Visits kept for a card that comes back; older ones were told and are not recorded.
MOST_UNSTORED = 1024


class Ledger:
    """`Store` on a thread of its own.

    Args:
        open_store: opens it; called on that thread, again after a failure.

    Attributes:
        trouble: what is wrong with the card; empty while it works.
        recovered: called when it works again.
        gap_recorded: called with rings that could be recorded in the end.
    """

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._store: Store | None = None
        self._gap: list[Ring] = []
        self._unstored: dict[str, tuple[VisitRecord, list[OutboxItem]]] = {}
        self.gap_recorded: Callable[[Sequence[Ring]], None] = lambda _: None
        self.recovered: Callable[[], None] = lambda: None
        self.trouble = ""

    async def open(self) -> None:
        """Open the store.

        Raises:
            NewerStateError: a newer release wrote it; nothing heals that.
        """
        try:
            await self.call(lambda _: None)
        except NewerStateError:
            raise
        except StorageError as error:
            self._note(error)

    async def call(self, work: Callable[[Store], T]) -> T:
        """Run `work` on the store's thread, for commands and start-up.

        Raises:
            StorageError: the card failed; nothing was changed.
        """
        loop = asyncio.get_running_loop()
        in_hand = copy_context()
        return await loop.run_in_executor(
            self._thread, in_hand.run, self._measured, work
        )

    def _measured(self, work: Callable[[Store], T]) -> T:
        with operation("store", step=_step(work)):
            return self._work(work)

    def _work(self, work: Callable[[Store], T]) -> T:
        if self._store is None:
            self._store = self._open_store()
        try:
            return work(self._store)
        except DiskFullError:
            # Give up the reserve and old pictures, and try once more.
            if not self._store.make_room():
                raise
            return work(self._store)

    async def _try(self, work: Callable[[Store], T]) -> T | None:
        """Run `work` on the path of a ring: None when the card fails or is too slow."""
        try:
            return await self._within(
                TROUBLED_PATIENCE_S if self.trouble else PATIENCE_S, work
            )
        except (StorageError, UnavailableError):
            return None

    async def _within(self, patience_s: float, work: Callable[[Store], T]) -> T:
        """Run `work`, and note how the card is.

        Raises:
            StorageError: the card failed.
            UnavailableError: it took too long.
        """
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(patience_s):
                result = await self.call(work)
        except TimeoutError as error:
            msg = f"the card did not answer in {patience_s} s"
            late = UnavailableError(msg, hint=StorageError.hint)
            self._note(late)
            raise late from error
        except StorageError as error:
            self._note(error)
            raise
        record_stage("store", "hub", time.monotonic() - began_s)
        if self.trouble:
            log.info("storage_recovered")
            self.trouble = ""
            self.recovered()
        return result

    async def rehearse(self, work: Callable[[Store], T]) -> T | None:
        """Run `work` for a ring the doorbell gave itself: None when the card fails.

        Nothing of it is recorded later, and no picture makes room for it.
        """

        def sparing(store: Store) -> T | None:
            try:
                return work(store)
            except DiskFullError:
                return None

        return await self._try(sparing)

    def _note(self, error: DoorbellError) -> None:
        if not self.trouble:
            extra = {"error": str(error), "hint": error.hint}
            log.error("storage_failed", extra=extra)
            if isinstance(error, KeyExposedError):
                key_exposed()
        self.trouble = str(error)

    async def mend(
        self, cursor: Callable[[Sequence[Ring]], int]
    ) -> list[OutboxItem] | None:
        """Try a card in trouble again, and record what it missed; called now and then.

        Args:
            cursor: where the journal's cursor may stand once these rings are stored.

        Returns:
            All that waits to be told, None if there was nothing to do or it failed.
        """
        if not (self.trouble or self._gap or self._unstored):
            return None
        missed, unstored = list(self._gap), dict(self._unstored)

        def work(store: Store) -> list[OutboxItem]:
            for visit, items in unstored.values():
                store.close_visit(visit, items)
            store.record_gap(missed, cursor(missed))
            return store.pending()

        try:
            pending = await self._within(PATIENCE_S, work)
        except (StorageError, UnavailableError):
            return None
        self._gap = [ring for ring in self._gap if ring not in missed]
        for key, stored in unstored.items():
            if self._unstored.get(key) is stored:
                del self._unstored[key]
        self.gap_recorded(missed)
        return pending

    def _keep(self, visit: VisitRecord, outbox: Sequence[OutboxItem]) -> None:
        """Keep a visit in memory until the card takes it."""
        _, items = self._unstored.pop(visit.id, (None, []))
        self._unstored[visit.id] = (visit, [*items, *outbox])
        while len(self._unstored) > MOST_UNSTORED:
            self._unstored.pop(next(iter(self._unstored)))

    async def open_visit(
        self, visit: VisitRecord, outbox: Sequence[OutboxItem], cursor: int
    ) -> list[OutboxItem] | None:
        """Store a new visit; returns what now waits to be told, None if it failed."""

        def work(store: Store) -> list[OutboxItem]:
            store.open_visit(visit, outbox, cursor)
            return store.pending()

        pending = await self._noting_gap(visit.ring, work)
        if pending is None:
            self._keep(visit, outbox)
        return pending

    async def join_visit(
        self, visit_id: str, rings: int, ring: Ring, cursor: int
    ) -> bool:
        """Count one more ring; false if it could not be stored."""

        def work(store: Store) -> bool:
            store.join_visit(visit_id, rings, cursor)
            return True

        return await self._noting_gap(ring, work) is not None

    async def _noting_gap(self, ring: Ring, work: Callable[[Store], T]) -> T | None:
        result = await self._try(work)
        if result is None:
            self._gap.append(ring)
        return result

    async def record_gap(self, rings: Sequence[Ring], cursor: int = 0) -> bool:
        """Record rings that were told before they could be stored."""

        def work(store: Store) -> bool:
            store.record_gap(rings, cursor)
            return True

        return bool(await self._try(work))

    async def close_visit(
        self, visit: VisitRecord, outbox: Sequence[OutboxItem]
    ) -> list[OutboxItem] | None:
        """Store what a visit came to; returns what waits, None if it failed."""

        def work(store: Store) -> list[OutboxItem]:
            store.close_visit(visit, outbox)
            return store.pending()

        pending = await self._try(work)
        if pending is None or visit.id in self._unstored:
            self._keep(visit, outbox)
        return pending

    async def save_picture(self, visit_id: str, jpeg: bytes) -> bool:
        """Keep a visit's picture; false if the card had no room for it."""

        def work(store: Store) -> bool:
            store.save_picture(visit_id, jpeg)
            return True

        return bool(await self._try(work))

    async def picture(self, visit_id: str) -> bytes | None:
        """Open a visit's picture; None if there is none or it is damaged."""
        return await self._try(lambda store: store.picture(visit_id))

    async def visit(self, visit_id: str) -> VisitRecord | None:
        """One visit, for what is to be said of it; None if there is none.

        Raises:
            StorageError: the card failed.
            UnavailableError: it took too long.
        """
        patience_s = TROUBLED_PATIENCE_S if self.trouble else PATIENCE_S
        return await self._within(patience_s, lambda store: store.visit(visit_id))

    async def record_attempt(
        self, item_ids: Sequence[int], state: OutboxState, error: str, stamp: Stamp
    ) -> bool:
        """Record how an attempt went; false if it could not be stored."""

        def work(store: Store) -> bool:
            store.record_attempt(item_ids, state, error, stamp)
            return True

        return bool(await self._try(work))

    async def close(self) -> None:
        """Finish what is queued and close the store."""
        if self._store is not None:
            await self.call(lambda store: store.close())
        self._thread.shutdown(wait=False)


def _step(work: Callable[[Store], object]) -> str:
    """Name a piece of work by the method that hands it in."""
    _, _, inner = getattr(work, "__qualname__", "").partition(".")
    return inner.partition(".")[0] or "other"
