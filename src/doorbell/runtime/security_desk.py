"""Security events of all processes, where they are recorded: in the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.runtime.audience import Onlooker
from doorbell.stages.watching import SecurityNoticed
from monitoring.logging.security import log_security_event, recorder

if TYPE_CHECKING:
    from monitoring.logging.security import Severity


class SecurityDesk(Onlooker):
    """Records what workers noticed, as if it had happened here."""

    def worker_said(self, role: str, message: object) -> None:
        """Record the event of a worker, once."""
        del role
        if isinstance(message, SecurityNoticed):
            recorder.record(message.event)


def refused(who: int, what: str) -> None:
    """A caller of the control socket asked for more than is allowed to them.

    Args:
        who: the caller's uid, by the kernel's word.
        what: name of the request.
    """
    log_security_event(
        "command_refused",
        "somebody without the right asked for a command",
        "medium",
        {"source": "control", "action_taken": "refused", "uid": who, "request": what},
    )


def malformed(source: str, severity: Severity = "medium", **facts: int | str) -> None:
    """What came was no message of ours; the connection was ended."""
    log_security_event(
        "message_malformed",
        "something that is no message came over a socket",
        severity,
        {"source": source, "action_taken": "stopped", **facts},
    )


def key_exposed() -> None:
    """Others than its owner may read or change the master key; it is not used."""
    log_security_event(
        "key_exposed",
        "the file of the master key is open to others",
        "critical",
        {"source": "storage", "action_taken": "refused"},
    )
