"""How a program gets something into the audit log.

`record` returns when the record is on disk and raises when it cannot be: what a person
does is recorded before it is done, or is not done. `post` never waits and never raises:
rings, decisions and pushes go on without their record, in a queue that is bounded; how
many were lost is recorded when the log can be written again.

A record whose acknowledgement was lost with the writer may be in the log twice, never
not at all.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitoring.logging import chain, instants
from monitoring.logging.audit_channel import MAX_ENTRIES, State
from monitoring.logging.audit_errors import (
    AuditError,
    AuditUnreachableError,
    AuditUnwritableError,
)
from monitoring.logging.audit_routes import OwnRoute, Route, WriterRoute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitoring.logging.chain import Entry, Instant

__all__ = ["AuditLogger", "OwnRoute", "WriterRoute"]

log = logging.getLogger("doorbell.audit")

GAP = "audit.gap"
FIRST_PAUSE_S, LAST_PAUSE_S = 0.05, 1.0
# A writer that starts on a busy Pi, or is started again, may not be there for so long.
GRACE_S = 30.0
# After so long a silence the log is asked how it is.
STATE_S = 0.5
# And again after this, as long as a checkpoint is due.
UNSIGNED_S = 5.0


@dataclass(slots=True)
class _Item:
    """A record on its way; `future` is None where nobody waits."""

    entry: Entry
    future: Future[int] | None = None
    until_s: float = 0.0


@dataclass(slots=True)
class _Inbox:
    """What waits, shared by the callers and the logger's thread."""

    items: deque[_Item] = field(default_factory=deque)
    posted: int = 0
    lost: int = 0
    is_ending: bool = False


class AuditLogger:
    """Records what happens, from one thread of its own.

    Args:
        route: to the log.
        now: the clocks.
        patience_s: how long `record` waits for the disk.
        queue: most posted records that wait.

    Attributes:
        trouble: why the last attempt failed; empty while all is well.
    """

    def __init__(
        self,
        route: Route,
        now: Callable[[], Instant] = instants.now,
        patience_s: float = 5.0,
        queue: int = 1024,
    ) -> None:
        self._route = route
        self._now = now
        self._patience_s = patience_s
        self._queue = queue
        self._inbox = _Inbox()
        self._wake = threading.Condition()
        self._state: State | None = None
        self._ask_in_s: float | None = None
        self._failing_s = 0.0
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self.trouble = ""
        self._thread.start()

    def submit(  # noqa: PLR0913 - the fields of a record, each by its name
        self,
        act: str,
        *,
        actor: str = "doorbell",
        obj: str = "",
        out: str = "done",
        ctx: Mapping[str, object] | None = None,
        urgent: bool = True,
    ) -> Future[int]:
        """Begin to record; the future gives the number once it is on disk.

        Its exception is an AuditError: nothing is recorded, as far as we know.

        Raises:
            RecordError: nothing like that may be recorded.
        """
        entry = chain.entry(
            act, self._now(), actor=actor, obj=obj, out=out, ctx=ctx, urgent=urgent
        )
        future: Future[int] = Future()
        until_s = time.monotonic() + self._patience_s
        with self._wake:
            self._inbox.items.append(_Item(entry, future, until_s))
            self._wake.notify()
        return future

    def record(  # noqa: PLR0913 - as `submit`
        self,
        act: str,
        *,
        actor: str = "doorbell",
        obj: str = "",
        out: str = "done",
        ctx: Mapping[str, object] | None = None,
        urgent: bool = True,
    ) -> int:
        """Record, and return the record's number when it is on disk.

        Raises:
            AuditError: it is not recorded: what it is about must not happen.
            RecordError: nothing like that may be recorded.
        """
        future = self.submit(act, actor=actor, obj=obj, out=out, ctx=ctx, urgent=urgent)
        try:
            return future.result(self._patience_s)
        except LateError as error:
            msg = "the audit log's disk does not answer"
            raise AuditUnwritableError(msg) from error

    def post(  # noqa: PLR0913 - as `submit`
        self,
        act: str,
        *,
        actor: str = "doorbell",
        obj: str = "",
        out: str = "done",
        ctx: Mapping[str, object] | None = None,
        urgent: bool = False,
    ) -> None:
        """Record when that is possible; never waits, never raises."""
        try:
            entry = chain.entry(
                act, self._now(), actor=actor, obj=obj, out=out, ctx=ctx, urgent=urgent
            )
        except chain.RecordError as error:
            log.error("audit_record_refused", extra={"act": act, "error": str(error)})  # noqa: TRY400 - a mistake of the caller, told in the message
            return
        with self._wake:
            if self._inbox.posted >= self._queue:
                self._inbox.lost += 1
                return
            self._inbox.posted += 1
            self._inbox.items.append(_Item(entry))
            self._wake.notify()

    @property
    def state(self) -> State | None:
        """How the log was a moment ago; None before it was asked."""
        return self._state

    def close(self, within_s: float = 2.0) -> None:
        """Bring what waits to disk, if that is possible in this time, and end."""
        with self._wake:
            self._inbox.is_ending = True
            self._wake.notify()
        self._thread.join(within_s)

    # The logger's thread.

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while self._wait_for_work():
            items = self._take()
            try:
                first = self._route.append([item.entry for item in items])
            except AuditError as error:
                self._failed(items, error)
                if self._inbox.is_ending:
                    break
                self._pause(pause_s)
                pause_s = min(pause_s * 2, LAST_PAUSE_S)
                continue
            except Exception as error:  # the border of a thread: nobody else sees it
                log.exception("audit_failed")
                self._failed(items, AuditUnwritableError(f"a bug: {error}"))
                continue
            self.trouble, pause_s, self._ask_in_s = "", FIRST_PAUSE_S, STATE_S
            self._failing_s = 0.0
            self._done(items, first)
        self._fail_all()
        self._route.close()

    def _wait_for_work(self) -> bool:
        while True:
            with self._wake:
                if self._inbox.items or self._inbox.is_ending:
                    return bool(self._inbox.items)
                self._wake.wait(self._ask_in_s)
                is_quiet = not self._inbox.items
            if self._ask_in_s is not None and is_quiet:
                self._ask_state()

    def _ask_state(self) -> None:
        self._ask_in_s = None
        with suppress(AuditError):
            self._state = self._route.state()
            if self._state.covered < self._state.size:
                self._ask_in_s = UNSIGNED_S

    def _take(self) -> list[_Item]:
        with self._wake:
            count = min(len(self._inbox.items), MAX_ENTRIES)
            return [self._inbox.items.popleft() for _ in range(count)]

    def _done(self, items: Sequence[_Item], first: int) -> None:
        for seq, item in enumerate(items, first):
            if item.future is not None:
                item.future.set_result(seq)
        with self._wake:
            self._inbox.posted -= sum(item.future is None for item in items)
            lost = self._inbox.lost if not self._inbox.items else 0
            if lost:
                # Behind all that was posted before them: there they are missing.
                self._inbox.lost = 0
                gap = chain.entry(GAP, self._now(), out="lost", ctx={"lost": lost})
                self._inbox.posted += 1
                self._inbox.items.append(_Item(gap))

    def _failed(self, items: Sequence[_Item], error: AuditError) -> None:
        """Keep what can wait, and tell those whose patience is over."""
        now_s = time.monotonic()
        is_final = isinstance(error, AuditUnwritableError)
        self._failing_s = self._failing_s or now_s
        if is_final or now_s - self._failing_s > GRACE_S:
            if str(error) != self.trouble:
                log.error("audit_unwritable", extra={"error": str(error)})
            self.trouble = str(error)
        kept = []
        for item in items:
            if item.future is None:
                kept.append(item)
            elif is_final or now_s >= item.until_s:
                item.future.set_exception(error)
            else:
                kept.append(item)
        with self._wake:
            self._inbox.items.extendleft(reversed(kept))

    def _pause(self, pause_s: float) -> None:
        with self._wake:
            if not self._inbox.is_ending:
                self._wake.wait(pause_s)

    def _fail_all(self) -> None:
        with self._wake:
            left, self._inbox.items = self._inbox.items, deque()
        lost = sum(item.future is None for item in left) + self._inbox.lost
        if lost:
            log.error("audit_records_lost", extra={"lost": lost})
        for item in left:
            if item.future is not None:
                item.future.set_exception(AuditUnreachableError("it ended"))
