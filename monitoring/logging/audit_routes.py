"""Two ways to the audit log: through its writer, or with the lock and by oneself."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from monitoring.logging.audit_channel import (
    Append,
    Ask,
    Channel,
    Recorded,
    Refused,
    State,
)
from monitoring.logging.audit_errors import (
    AuditUnreachableError,
    AuditUnwritableError,
)
from monitoring.logging.audit_log import AuditLog
from monitoring.logging.audit_place import FolderLock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitoring.logging.audit_place import AuditPlace
    from monitoring.logging.chain import Entry, Instant

# What a writer may take for one answer: its card's worst fsync.
ANSWER_S = 30.0


class Route(Protocol):
    """A way to the log."""

    def append(self, entries: Sequence[Entry]) -> int:
        """Record these; AuditError if they are not recorded."""
        ...

    def state(self) -> State:
        """How the log is."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class WriterRoute:
    """Through the writer's socket; connected when first used, and again."""

    def __init__(self, place: AuditPlace) -> None:
        self._place = place
        self._channel: Channel | None = None

    def append(self, entries: Sequence[Entry]) -> int:
        """See `Route`."""
        answer = self._ask(Append(list(entries)))
        if isinstance(answer, Recorded):
            return answer.first
        msg = answer.message if isinstance(answer, Refused) else "no answer to that"
        raise AuditUnwritableError(msg)

    def state(self) -> State:
        """See `Route`."""
        answer = self._ask(Ask())
        if isinstance(answer, State):
            return answer
        msg = "the writer did not say how the log is"
        raise AuditUnreachableError(msg)

    def _ask(self, message: Append | Ask) -> Recorded | Refused | State:
        if self._channel is None:
            self._channel = Channel(self._place.socket, ANSWER_S)
        try:
            return self._channel.ask(message)
        except AuditUnreachableError:
            self.close()
            raise

    def close(self) -> None:
        """See `Route`."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None


class OwnRoute:
    """Through the writer if there is one, else with the folder's lock and by itself."""

    def __init__(self, place: AuditPlace, now: Callable[[], Instant]) -> None:
        self._place = place
        self._now = now
        self._writer = WriterRoute(place)
        self._lock: FolderLock | None = None
        self._log: AuditLog | None = None

    def append(self, entries: Sequence[Entry]) -> int:
        """See `Route`."""
        if self._log is None:
            with suppress(AuditUnreachableError):
                return self._writer.append(entries)
        seq = self._opened().append(entries)
        if self._opened().due_s() == 0.0:
            with suppress(AuditUnwritableError):
                self._opened().checkpoint()
        return seq

    def state(self) -> State:
        """See `Route`."""
        if self._log is None:
            with suppress(AuditUnreachableError):
                return self._writer.state()
        own = self._opened()
        return State(own.size, own.root.hex(), own.covered, host="command")

    def _opened(self) -> AuditLog:
        if self._log is None:
            try:
                self._log = self._open()
            except OSError as error:
                msg = f"the audit log cannot be opened: {error.strerror or error}"
                raise AuditUnwritableError(msg) from error
        return self._log

    def _open(self) -> AuditLog:
        self._place.make()
        self._lock = self._lock or FolderLock(self._place.folder)
        place = self._place
        return AuditLog(place.log, place.signer(), self._now, place.limits)

    def close(self) -> None:
        """See `Route`."""
        self._writer.close()
        if self._log is not None:
            self._log.close()
            with suppress(OSError):
                self._place.give_to_owner()
        if self._lock is not None:
            self._lock.release()
        self._log = self._lock = None
