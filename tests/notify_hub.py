"""The hub of a notify stage under test, and what it hands over."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

from config.notify import Notify, Target
from config.production.production_settings import ProductionSettings
from config.sections import Supervision
from doorbell.core.decision import Box, Decision
from doorbell.core.errors import BadInputError
from doorbell.core.stamp import Stamp
from doorbell.stages.notify_messages import Deliver, Delivered, Notice, NoticeFace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from doorbell.stages.notify import NotifyStage

VISIT = "0123456789abcdef0123456789abcdef"
# 2026-11-03 13:02 UTC.
AT_S = 1_793_710_920.0


class FixedClock:
    def mono_ns(self) -> int:
        return 0

    def now(self) -> Stamp:
        return Stamp("b" * 32, 0, int(AT_S * 1e9), synced=True)


class Hub:
    """The other end of the link, and the worker's loop."""

    def __init__(self) -> None:
        self.delivered: dict[int, Delivered] = {}
        self.order: list[int] = []

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        assert not fds
        assert isinstance(message, Delivered)
        assert message.attempt not in self.delivered
        self.delivered[message.attempt] = message
        self.order.append(message.attempt)

    def busy(self, within_s: float) -> None:
        raise AssertionError(within_s)


def fetch(fd: int, limit: int) -> bytes:
    size = os.fstat(fd).st_size
    if size > limit:
        msg = "too large"
        raise BadInputError(msg)
    return os.pread(fd, size, 0)


def settings(*names: str, timeout_s: float = 5.0) -> ProductionSettings:
    return ProductionSettings(
        notify=Notify(
            timezone="Europe/Amsterdam",
            targets=[
                Target(name=name, url="console:", timeout_s=timeout_s) for name in names
            ],
        ),
        supervision=Supervision(grace_s=1.0),
    )


def run_until(
    stage: NotifyStage, done: Callable[[], bool], within_s: float = 5.0
) -> None:
    deadline_s = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline_s, "not in time"
        stage.turn(time.monotonic())
        select.select(list(stage.descriptors()), [], [], 0.05)


def notice(**changes: object) -> Notice:
    facts: dict[str, object] = {
        "kind": "visit",
        "key": f"{VISIT}-visit",
        "replaces": VISIT,
        "at_s": AT_S,
        "decision": Decision.KNOWN,
        "faces": [
            NoticeFace(Decision.KNOWN, "Anna", 0.6, Box(10, 10, 80, 80)),
        ],
    }
    return Notice(**(facts | changes))  # type: ignore[arg-type]  # facts are checked above


def inode_of(fd: int) -> int | None:
    try:
        return os.fstat(fd).st_ino
    except OSError:
        return None


def deliver(
    stage: NotifyStage,
    attempt: int,
    target: str,
    what: Notice | None = None,
    jpeg: bytes | None = None,
) -> None:
    fds: list[int] = []
    if jpeg is not None:
        fds = [os.memfd_create("picture")]
        os.write(fds[0], jpeg)
    given = [os.fstat(fd).st_ino for fd in fds]
    message = Deliver(
        attempt=attempt,
        target=target,
        notice=what or notice(),
        has_picture=jpeg is not None,
    )
    stage.handle(message, fds)
    # A sender's thread may have opened another file under the number by now.
    for fd, inode in zip(fds, given, strict=True):
        assert inode_of(fd) != inode
