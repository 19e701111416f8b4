"""Which visit, command or request the lines of now belong to.

The id is of the context: of this thread, this task and what they start. What crosses
to another process carries it along (`monitoring.tracing.context`).
"""

from __future__ import annotations

from contextvars import ContextVar
from os import urandom
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextvars import Token

_current: ContextVar[str] = ContextVar("correlation_id", default="")


def correlation_id() -> str:
    """Return the id of what is in hand; empty when it is nothing in particular."""
    return _current.get()


def new_correlation_id() -> str:
    """Return 32 fresh hexadecimal digits, which also name a trace."""
    return urandom(16).hex()


class CorrelationContext:
    """Give every line logged within the `with` block one id.

    Entering returns the id, so that it can be shown to whoever asked. A context may
    be entered once.

    Args:
        correlation_id: that of a visit or of who asked; None for a new one, empty for
            work that belongs to nobody.
    """

    __slots__ = ("_id", "_token")

    def __init__(self, correlation_id: str | None = None) -> None:
        self._id = new_correlation_id() if correlation_id is None else correlation_id
        self._token: Token[str] | None = None

    def __enter__(self) -> str:
        """Begin."""
        self._token = _current.set(self._id)
        return self._id

    def __exit__(self, *_: object) -> None:
        """Return to what was in hand before."""
        if self._token is not None:
            _current.reset(self._token)
