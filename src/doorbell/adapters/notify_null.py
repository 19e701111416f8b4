"""The target of the doorbell's own rings: takes every push and tells nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.ports.notifier import Answer, Outcome

if TYPE_CHECKING:
    from doorbell.ports.notifier import Push


class NullNotifier:
    """See `ports.notifier.Notifier`."""

    can_replace = False

    def send(self, push: Push, timeout_s: float) -> Answer:
        """Take it."""
        del push, timeout_s
        return Answer(Outcome.SENT, "taken by nobody")
