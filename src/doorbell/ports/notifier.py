"""What a place that receives notifications is to the notify stage."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """How an attempt ended, sorted by what is to be done next."""

    SENT = "sent"
    RETRY = "retry"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Push:
    """A notification in words.

    Attributes:
        key: idempotency key; the same key is the same message, sent again.
        replaces: id shared by all pushes of one visit, for services that replace.
        title: one line.
        body: plain text, may have several lines.
        jpeg: the picture, within the size limit, or None.
        silent: deliver without sound.
        checkpoint: signed note of how long the audit log was, for services that carry
            what nobody reads: who keeps it can tell later that the log was cut.
    """

    key: str
    replaces: str
    title: str
    body: str
    jpeg: bytes | None
    silent: bool
    checkpoint: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the target said; `detail` is free of secrets."""

    outcome: Outcome
    detail: str = ""
    retry_after_s: float | None = None


class Notifier(Protocol):
    """One target.

    Attributes:
        can_replace: a later push with the same `replaces` takes the first one's
            place on the phone, so that a ring can be told at once and named later.
    """

    can_replace: bool

    def send(self, push: Push, timeout_s: float) -> Answer:
        """Try once, within `timeout_s`; never raises for what the network does."""
        ...
