"""How a request over HTTP reaches the hub, and its answer comes back."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from doorbell.runtime import replies
from doorbell.runtime import requests as r
from doorbell.runtime.carried import addressed
from doorbell.runtime.link import close_all, pair
from doorbell.runtime.peer import Peer
from doorbell.stages.messages import Converse
from doorbell.web.problems import ProblemError, refused_by_hub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# Conversations at once; commands of people at the machine need the hub too.
MAX_AT_ONCE = 8


class Questioner:
    """Asks the hub, each time over a socket pair of its own.

    Args:
        link: to the hub.
    """

    def __init__(self, link: Peer) -> None:
        self._link = link
        self._room = asyncio.Semaphore(MAX_AT_ONCE)

    async def ask(self, request: r.Request, within_s: float) -> list[replies.Reply]:
        """Return all replies to one request.

        Args:
            request: what the hub lets rank "web" ask.
            within_s: wait no longer; what was asked may happen all the same.

        Raises:
            ProblemError: the hub refused, went away, or took too long.
        """
        try:
            async with asyncio.timeout(within_s), self._room:
                return [reply async for reply in self._replies(request)]
        except TimeoutError as error:
            message = f"the doorbell did not answer within {within_s:.0f} s"
            status = HTTPStatus.GATEWAY_TIMEOUT
            raise ProblemError(status, "no_answer", message) from error

    async def _replies(self, request: r.Request) -> AsyncIterator[replies.Reply]:
        ours, theirs = pair()
        inbox: asyncio.Queue[object] = asyncio.Queue()

        def received(message: object, fds: list[int]) -> None:
            close_all(fds)
            inbox.put_nowait(message)

        peer = Peer(ours, replies.AnyReply, received, lambda: inbox.put_nowait(None))
        try:
            with theirs:
                self._link.send(addressed(Converse()), [theirs.fileno()])
            peer.send(request)
            while not isinstance(reply := await inbox.get(), replies.Done):
                yield _unless_refused(reply)
        finally:
            peer.close()


def _unless_refused(reply: object) -> replies.Reply:
    match reply:
        case replies.Failed(
            message=message, hint=hint, exit_code=code, error_id=error_id
        ):
            raise refused_by_hub(message, hint, code, error_id)
        case replies.Reply():
            return reply
        case _:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            message = "the doorbell ended in the middle of the answer"
            raise ProblemError(status, "unavailable", message)
