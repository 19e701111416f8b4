"""One target's thread and its queue.

A library that never returns cannot be stopped from outside; it can only be left. The
thread is a daemon, so that it does not hold up the end of the process either.
"""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from doorbell.ports.notifier import Answer, Outcome
from monitoring.tracing.context import continued

if TYPE_CHECKING:
    from collections.abc import Callable

    from doorbell.stages.notify_messages import Deliver

log = logging.getLogger("doorbell.notify")


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt; `trouble` is why the picture is missing, or empty."""

    message: Deliver
    jpeg: bytes | None
    trouble: str


class Lane:
    """Works off jobs in order, one at a time.

    Args:
        name: of the target.
        longest: jobs that may wait.
        work: does one, in the lane's thread.
        finished: is given each result, in the lane's thread, unless the lane was left;
            must not block.
        patience_s: after this an attempt is overdue.
    """

    def __init__(
        self,
        name: str,
        longest: int,
        work: Callable[[Job], Answer],
        finished: Callable[[Lane, Job, Answer], None],
        patience_s: float,
    ) -> None:
        self.name = name
        self.patience_s = patience_s
        self._work = work
        self._finished = finished
        self._jobs: queue.Queue[Job | None] = queue.Queue(longest)
        self._lock = threading.Lock()
        self._current: tuple[Job, float] | None = None
        self._left = False
        self._thread = threading.Thread(
            target=self._run, name=f"notify-{name}", daemon=True
        )
        self._thread.start()

    def offer(self, job: Job) -> bool:
        """Queue a job; false if too many wait or the lane was left."""
        if self._left:
            return False
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        return True

    def is_overdue(self, now_s: float) -> bool:
        """Whether an attempt has run for longer than `patience_s`."""
        with self._lock:
            return (
                not self._left
                and self._current is not None
                and now_s - self._current[1] > self.patience_s
            )

    def is_left(self) -> bool:
        """Whether its results are taken no more."""
        return self._left

    def leave(self) -> tuple[Job, ...]:
        """Take no result of it any more; returns the stuck job and those behind it."""
        with self._lock:
            self._left = True
            stuck = () if self._current is None else (self._current[0],)
        return stuck + tuple(self._drained())

    def stop(self) -> None:
        """End after what is queued; what does not fit any more stays in the outbox."""
        try:
            self._jobs.put_nowait(None)
        except queue.Full:
            self._drained()
            self._jobs.put_nowait(None)

    def join(self, timeout_s: float) -> None:
        """Wait for the thread's end, at most `timeout_s`."""
        self._thread.join(timeout_s)

    def is_alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def _drained(self) -> list[Job]:
        jobs: list[Job] = []
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs
            if job is not None:
                jobs.append(job)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            with self._lock:
                self._current = (job, monotonic())
            answer = self._attempt(job)
            with self._lock:
                self._current = None
                if self._left:
                    return
                # Under the lock: once `leave` has returned, nothing comes any more.
                self._finished(self, job, answer)

    def _attempt(self, job: Job) -> Answer:
        with continued(job.message.traceparent):
            return self._worked(job)

    def _worked(self, job: Job) -> Answer:
        try:
            return self._work(job)
        except Exception as error:  # noqa: BLE001 - the border of a thread: a bug in one service's adapter must not silence it for good
            kind = type(error).__name__
            # Not the text: a library's error may quote the address or the message.
            log.error("push_crashed", extra={"target": self.name, "error": kind})  # noqa: TRY400 - see above
            return Answer(Outcome.RETRY, f"the sender failed: {kind}")
