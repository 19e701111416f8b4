"""The thread that writes rings to the journal, so that a slow card stalls no edge.

It owns the journal: nobody else calls it. Rings come in through a queue of this
process alone; what became of them waits behind a descriptor. A ring that could not
be written is kept in memory and written later, as told while the disk failed.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from doorbell.core.errors import StorageError
from monitoring.metrics.recording import record_stage

if TYPE_CHECKING:
    from doorbell.core.ring import Ring, RingSource
    from doorbell.core.stamp import Stamp
    from doorbell.ports.journal import Journal

# Rings that wait for a broken disk; older ones were told and are not recorded.
BACKLOG = 4096
_RETRY_FIRST_S = 1.0
_RETRY_MAX_S = 30.0


@dataclass(frozen=True, slots=True)
class Draft:
    """A ring that has no number yet."""

    id: str
    source: RingSource
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Kept:
    """The ring is on disk."""

    ring: Ring


@dataclass(frozen=True, slots=True)
class KeptBefore:
    """An earlier life of this process brought it to disk."""

    ring: Ring


@dataclass(frozen=True, slots=True)
class NotKept:
    """The ring is not on disk; it is tried again later, under the same id."""

    draft: Draft
    error: str


@dataclass(frozen=True, slots=True)
class JournalHealth:
    """How the journal is; `detail` and `hint` are for people."""

    condition: Literal["ok", "broken"]
    detail: str = ""
    hint: str = ""


WriterNews = Kept | KeptBefore | NotKept | JournalHealth


class RingWriter:
    """One thread, from `start` to `stop`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._jobs: queue.SimpleQueue[Draft | int | None] = queue.SimpleQueue()
        self._news: deque[WriterNews] = deque()
        self._event_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(
            target=self._run, name="ring-journal", daemon=True
        )
        self._backlog: deque[Draft] = deque(maxlen=BACKLOG)
        self._is_open = False
        self._retry_s = _RETRY_FIRST_S
        self._health: JournalHealth | None = None

    def start(self) -> None:
        """Begin; the first news is how the journal is."""
        self._thread.start()

    def submit(self, draft: Draft) -> None:
        """Have a ring written; never blocks."""
        self._jobs.put(draft)

    def release(self, seq: int) -> None:
        """Rings up to `seq` are safe elsewhere."""
        self._jobs.put(seq)

    def descriptor(self) -> int:
        """Readable while news waits."""
        return self._event_fd

    def news(self) -> list[WriterNews]:
        """Take what happened since, oldest first; never blocks."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._event_fd)
        taken = []
        while self._news:
            taken.append(self._news.popleft())
        return taken

    def is_alive(self) -> bool:
        """False once it stopped, or died of a bug."""
        return self._thread.is_alive()

    def stop(self, timeout_s: float) -> bool:
        """Write what was submitted and end; False if the disk takes too long.

        The thread is a daemon: a hung card does not keep the process.
        """
        if not self._thread.is_alive():
            return True
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # Everything below runs in the thread.

    def _run(self) -> None:
        self._open()
        self._catch_up()
        while True:
            try:
                job = self._jobs.get(timeout=self._retry_after_s())
            except queue.Empty:
                self._catch_up()
                continue
            if job is None:
                break
            self._do(job)
            if self._jobs.empty():
                self._catch_up()
        self._journal.close()

    def _retry_after_s(self) -> float | None:
        if self._is_open and not self._backlog:
            return None
        wait_s, self._retry_s = self._retry_s, min(2 * self._retry_s, _RETRY_MAX_S)
        return wait_s

    def _do(self, job: Draft | int) -> None:
        if isinstance(job, Draft):
            self._write(job)
        elif self._is_open:
            try:
                self._journal.release(job)
            except StorageError as error:
                self._feel(JournalHealth("ok", str(error), error.hint))

    def _open(self) -> None:
        try:
            self._take_journal()
        except StorageError as error:
            self._fail(error)

    def _take_journal(self) -> None:
        if not self._is_open:
            notes = self._journal.open()
            self._is_open = True
            self._feel(JournalHealth("ok", "; ".join(notes)))

    def _write(self, draft: Draft) -> None:
        try:
            self._take_journal()
            if (known := self._journal.find(draft.id)) is not None:
                self._say(KeptBefore(known))
                return
            began_s = time.monotonic()
            ring = self._journal.append(draft.source, draft.stamp, draft.id)
            record_stage("journal", "button", time.monotonic() - began_s)
        except StorageError as error:
            # Room for what visitors rang; a self-test that failed has said so.
            if draft.source != "synthetic":
                self._backlog.append(draft)
            self._say(NotKept(draft, str(error)))
            self._fail(error)
        else:
            self._say(Kept(ring))
            self._mend()

    def _catch_up(self) -> None:
        """Write what a broken disk did not take, and make room ahead."""
        self._open()
        try:
            while self._is_open and self._backlog and self._jobs.empty():
                draft = self._backlog[0]
                ring = self._journal.append_late(draft.source, draft.stamp, draft.id)
                self._backlog.popleft()
                self._say(Kept(ring))
                self._mend()
        except StorageError as error:
            self._fail(error)
            return
        self._prepare()

    def _prepare(self) -> None:
        if not self._is_open or not self._jobs.empty():
            return
        try:
            self._journal.prepare()
        except StorageError as error:
            # What is left still takes rings.
            self._feel(JournalHealth("ok", str(error), error.hint))

    def _fail(self, error: StorageError) -> None:
        self._feel(JournalHealth("broken", str(error), error.hint))

    def _mend(self) -> None:
        self._retry_s = _RETRY_FIRST_S
        if self._health is not None and self._health.condition == "broken":
            self._feel(JournalHealth("ok", "takes rings again"))

    def _feel(self, health: JournalHealth) -> None:
        if health != self._health:
            self._health = health
            self._say(health)

    def _say(self, news: WriterNews) -> None:
        self._news.append(news)
        os.eventfd_write(self._event_fd, 1)
