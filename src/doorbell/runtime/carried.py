"""The visit or request in hand, carried along in messages between processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from doorbell.stages.messages import Message
from monitoring.tracing.context import continued, traceparent

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def addressed(message: object) -> object:
    """Return a message that says what it is about, if anything is in hand now."""
    if not isinstance(message, Message) or message.traceparent:
        return message
    parent = traceparent()
    return structs.replace(message, traceparent=parent) if parent else message


def about(message: object) -> AbstractContextManager[None]:
    """Have what a message is about in hand while it is worked on."""
    return continued(message.traceparent if isinstance(message, Message) else "")
