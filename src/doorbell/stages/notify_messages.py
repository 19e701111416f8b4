"""What the hub and the notify worker say to each other: a notice, and how it went."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from doorbell.core.decision import Box, Decision
from doorbell.stages.messages import Message

NoticeKind = Literal["ring", "name", "visit", "digest", "test", "alert"]


class NoticeFace(Struct, frozen=True):
    """A visitor as a notification names them: `name` only if known or unsure."""

    decision: Decision
    name: str | None
    likeness: float | None
    box: Box
    wording: str = ""


class Notice(Struct, frozen=True, kw_only=True):
    """What is to be said; the notify stage puts it into words.

    Attributes:
        kind: `ring`: someone rang, the name will follow; `name`: the update of a
            `ring`; `visit`: the only push of a visit; `digest`: what piled up;
            `alert`: something is wrong with the doorbell, as `text` says.
        key: idempotency key, visit id + kind; a second send replaces the first.
        replaces: what the service may use to replace an earlier push: the visit id.
        at_s: wall seconds since 1970 UTC, None when the clock could not be trusted.
        late: told long after the ring, so that the time belongs in the sentence.
        silent: delivered without sound.
        synthetic: a self-test, never shown to a person.
        rings: presses counted in this visit.
        reason: why recognition gave no answer; empty when it did.
        digest: the visits of a `digest`, oldest first, each a Notice of its own.
        unsure_at, known_at: the engine's operating points (`EngineReady`), for likeness
            in words; None leaves it to the decision.
    """

    kind: NoticeKind
    key: str
    replaces: str
    at_s: float | None
    decision: Decision | None = None
    faces: list[NoticeFace] = []
    late: bool = False
    silent: bool = False
    synthetic: bool = False
    rings: int = 1
    reason: str = ""
    text: str = ""
    digest: list[Notice] = []
    unsure_at: float | None = None
    known_at: float | None = None


class Deliver(Message, frozen=True):
    """Hub to notify: one attempt; descriptor: the JPEG, when `has_picture`.

    Attributes:
        checkpoint: the newest one of the audit log, or empty.
    """

    attempt: int
    target: str
    notice: Notice
    has_picture: bool = False
    checkpoint: str = ""


class Delivered(Message, frozen=True):
    """Notify to hub: how the attempt went.

    Attributes:
        status: `sent` (the target's 2xx), `retry` (may work later), `refused` (will
            never work: wrong token, gone).
        detail: for people, without secrets.
        retry_after_s: the target's own wish, if it had one.
    """

    attempt: int
    status: Literal["sent", "retry", "refused"]
    detail: str = ""
    retry_after_s: float | None = None
