"""Where the messages of a stage under test end up."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


class RecordingOutlet:
    """Keeps what a stage sends.

    Attributes:
        sent: the messages, oldest first.
        announced_s: the longest silence announced so far, seconds.
        is_gone: the hub died: sending raises, as a link does.
    """

    def __init__(self) -> None:
        self.sent: list[object] = []
        self.announced_s = 0.0
        self.is_gone = False

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        """Keep the message; the descriptors stay the sender's."""
        del fds
        if self.is_gone:
            msg = "the hub is gone"
            raise BrokenPipeError(msg)
        self.sent.append(message)

    def busy(self, within_s: float) -> None:
        """Keep the longest announcement."""
        self.announced_s = max(self.announced_s, within_s)

    def of(self, kind: type[T]) -> list[T]:
        """Return the messages of one kind."""
        return [message for message in self.sent if isinstance(message, kind)]
