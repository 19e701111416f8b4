"""Releases in the audit log: who changed what runs here, recorded before it is done.

The writer runs from a slot. Where it does not answer, the door may be what is broken,
and its mending must not wait for it: then only the deployer's own history tells.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from monitoring.logging.audit_errors import AuditError, AuditUnreachableError
from monitoring.logging.audit_logger import AuditLogger, WriterRoute
from monitoring.logging.audit_place import AuditPlace
from production.errors import StepFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from config.production.production_settings import ProductionSettings


class Recorder(Protocol):
    """Where releases are recorded."""

    def __call__(
        self, act: str, actor: str, version: str, out: str, ctx: Mapping[str, object]
    ) -> None:
        """Record one act.

        Args:
            act: as `release.deploy`.
            actor: who asked for it.
            version: of the release.
            out: `begun` or how it ended.
            ctx: more about it.

        Raises:
            StepFailedError: the log is there and cannot take it.
        """
        ...


def no_record(
    act: str, actor: str, version: str, out: str, ctx: Mapping[str, object]
) -> None:
    """Record nothing, where there is no log."""
    del act, actor, version, out, ctx


class AuditRecorder:
    """The audit log of this machine, through its writer.

    Args:
        settings: say where it is.
        say: hears that the writer is away.
    """

    def __init__(
        self, settings: ProductionSettings, say: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._say = say

    def __call__(
        self, act: str, actor: str, version: str, out: str, ctx: Mapping[str, object]
    ) -> None:
        """See `Recorder`."""
        route = WriterRoute(AuditPlace.of(self._settings))
        try:
            # Asked first: for a writer that is away the logger would wait.
            route.state()
        except AuditUnreachableError as error:
            self._say(f"not in the audit log, only in the history: {error}")
            return
        with closing(AuditLogger(route, queue=1)) as log:
            try:
                log.record(act, actor=actor, obj=version, out=out, ctx=ctx)
            except AuditError as error:
                msg = f"it cannot be recorded in the audit log: {error}"
                hint = "See `doorbell audit verify`."
                raise StepFailedError(msg, hint=hint) from error
