"""The work of the role `audit`: write the audit log where no unit of its own does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from doorbell.ports.stage import Outlet
    from monitoring.logging.audit_writer import AuditWriter

# A card's fsync takes up to 100 ms; one that fails may take this long to say so.
SLOW_CARD_S = 60.0


class AuditStage:
    """Implements `ports.stage.Stage` around the writer.

    Args:
        make: builds the writer; it is given what to call before the disk is used.
    """

    def __init__(self, make: Callable[[Callable[[], None]], AuditWriter]) -> None:
        self._make = make
        self._writer: AuditWriter | None = None
        self._outlet: Outlet

    def start(self, outlet: Outlet) -> str:
        """Open the log; a disk in trouble is tried again, since it may heal."""
        self._outlet = outlet
        self._writer = self._make(self._busy)
        return self._writer.start()

    def _busy(self) -> None:
        self._outlet.busy(SLOW_CARD_S)

    def handle(self, message: object, fds: Sequence[int]) -> None:
        """Nothing is said to it over the link: records come over its socket."""
        for fd in fds:
            os.close(fd)
        msg = f"audit does not take {type(message).__name__}"
        raise BadInputError(msg)

    def turn(self, now_s: float) -> float:
        """Write what came in; returns the seconds until a checkpoint is due."""
        return self._open_writer().turn(now_s)

    def descriptors(self) -> Sequence[int]:
        """Readable when somebody has something to record."""
        return self._open_writer().descriptors()

    def _open_writer(self) -> AuditWriter:
        if self._writer is None:
            msg = "the stage is not started"
            raise RuntimeError(msg)
        return self._writer

    def close(self) -> None:
        """Sign what is unsigned and let go of the log."""
        if self._writer is not None:
            self._writer.close()
