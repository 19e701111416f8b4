"""Print notifications where a person watches: `console:`. For development."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from doorbell.ports.notifier import Answer, Outcome, Push

if TYPE_CHECKING:
    from typing import TextIO


class ConsoleNotifier:
    """Writes to a stream, by default standard output as it is at the time."""

    can_replace = False

    def __init__(self, name: str, stream: TextIO | None = None) -> None:
        self._name = name
        self._stream = stream

    def send(self, push: Push, timeout_s: float) -> Answer:
        """Print title and body; `timeout_s` is no matter to a terminal."""
        del timeout_s
        mark = " (silent)" if push.silent else ""
        size = f" [{len(push.jpeg) / 1024:.0f} KiB picture]" if push.jpeg else ""
        lines = [f"{self._name}{mark}: {push.title}{size}", *push.body.splitlines()]
        try:
            print("\n  ".join(lines), file=self._stream or sys.stdout, flush=True)
        except (OSError, ValueError):
            return Answer(Outcome.RETRY, "the terminal is gone")
        return Answer(Outcome.SENT)
