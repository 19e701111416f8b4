"""`/api/v1`: who came, and a bell for programs.

Only what the token's bearer may ask; what it means is the hub's affair.
"""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response
from starlette.routing import Route, Router

from doorbell.runtime import replies
from doorbell.runtime import requests as r
from doorbell.runtime.shapes import press_view, visit_view
from doorbell.web.limits import Allowance, Allowances, RecentClients
from doorbell.web.problems import ProblemError
from monitoring.logging.security import log_security_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from starlette.requests import Request

    from doorbell.web.token import Token

    class Hub(Protocol):
        """Who answers: `asking.Questioner`, or a script in tests."""

        async def ask(self, request: r.Request, within_s: float) -> list[replies.Reply]:
            """Return all replies to one request."""
            ...


MAX_BODY_BYTES = 16 * 1024
# Read and thrown away beyond that, so that the refusal arrives.
MAX_DISCARD_BYTES = 1024 * 1024
BODY_S = 10.0
LIST_S = 10.0
RING_S = 15.0
# Recognition's and the push's own limits end a visit long before.
VISIT_S = 90.0
DEFAULT_LIMIT = 20
MAX_LIMIT = 100
SESSION_S = 300.0
WRONG_TOKENS_PER_MINUTE = 6


class RingBody(msgspec.Struct, forbid_unknown_fields=True):
    """What may be sent with a ring; an empty body means the defaults.

    Attributes:
        wait: answer once the visit is decided and its first push was answered.
    """

    wait: bool = False


class Api:
    """The handlers of one web process.

    Args:
        hub: whom to ask.
        token: what a caller must show.
        rings_per_minute: rings beyond are refused.
        sessions: called with the number of clients that showed the token lately,
            whenever it changes.
    """

    def __init__(
        self,
        hub: Hub,
        token: Token,
        rings_per_minute: int,
        sessions: Callable[[int], None],
    ) -> None:
        self._hub = hub
        self._token = token
        self._rings = Allowance(rings_per_minute)
        self._wrong = Allowances(WRONG_TOKENS_PER_MINUTE)
        self._clients = RecentClients(SESSION_S)
        self._active = -1  # Nobody was told yet.
        self._sessions = sessions

    def routes(self) -> Router:
        """Which path is answered by whom; needs the envelope around it."""
        return Router(
            [
                Route("/api/v1/visits", self.visits, methods=["GET"]),
                Route("/api/v1/rings", self.ring, methods=["POST"]),
            ],
            redirect_slashes=False,
        )

    def count_sessions(self) -> None:
        """Tell how many clients are here, if that changed."""
        active = self._clients.count(time.monotonic())
        if active != self._active:
            self._active = active
            self._sessions(active)

    async def visits(self, request: Request) -> Response:
        """List visits, newest first."""
        self._admit(request)
        query = request.query_params
        _refuse_unknown(query, {"limit", "before"})
        asked = r.ListVisits(limit=_limit(query), before=query.get("before"))
        heard = await self._hub.ask(asked, LIST_S)
        views = [
            v for one in heard if isinstance(one, replies.Visits) for v in one.views
        ]
        more = views[-1].id if len(views) == asked.limit else None
        return _json({"visits": [visit_view(view) for view in views], "next": more})

    async def ring(self, request: Request) -> Response:
        """Ring the bell; answered once the ring is on disk."""
        self._admit(request)
        wanted = _decode(request, await _body(request))
        if wait_s := self._rings.wait_s(time.monotonic()):
            raise _too_many(wait_s)
        asked = r.PressRequest(wait=wanted.wait)
        heard = await self._hub.ask(asked, VISIT_S if wanted.wait else RING_S)
        for reply in heard:
            if isinstance(reply, replies.Visit):
                return _json(press_view(reply.view))
        for reply in heard:
            if isinstance(reply, replies.Accepted):
                return _json(_accepted(reply), HTTPStatus.ACCEPTED)
        status = HTTPStatus.SERVICE_UNAVAILABLE
        raise ProblemError(status, "unavailable", "the doorbell took no ring")

    def _admit(self, request: Request) -> None:
        """Let in who shows the token.

        Raises:
            ProblemError: this caller does not.
        """
        client = request.client.host if request.client else ""
        authorization = request.headers.get("Authorization", "")
        if self._token.is_shown_by(authorization):
            self._clients.saw(client, time.monotonic())
            self.count_sessions()
            return
        if authorization and not self._wrong.wait_s(client, time.monotonic()):
            log_security_event(
                "authentication_failed",
                "somebody showed a wrong token over HTTP",
                additional_data={
                    "source": "web",
                    "action_taken": "refused",
                    "client": client,
                },
            )
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "wrong_token" if authorization else "no_token",
            "show the token: `Authorization: Bearer …`",
            headers={"WWW-Authenticate": "Bearer"},
        )


def _json(content: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def _accepted(reply: replies.Accepted) -> dict[str, object]:
    ring = reply.ring
    return {"ring": ring.id, "visit": reply.visit, "durable": ring.durable}


def _bad(message: str, **details: object) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "bad_request", message, details=details)


def _too_many(wait_s: float) -> ProblemError:
    headers = {"Retry-After": str(int(wait_s) + 1)}
    message = "too many rings over HTTP; [web] rings_per_minute allows them"
    status = HTTPStatus.TOO_MANY_REQUESTS
    return ProblemError(status, "too_many_rings", message, headers=headers)


def _refuse_unknown(query: Mapping[str, str], known: set[str]) -> None:
    if unknown := sorted(set(query) - known):
        message = "no such parameter"
        raise _bad(message, unknown=unknown, known=sorted(known))


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(DEFAULT_LIMIT))
    # Short, so that `int` never has much to do.
    number = int(text) if text.isdecimal() and len(text) <= len(str(MAX_LIMIT)) else 0
    if not 1 <= number <= MAX_LIMIT:
        message = f"limit is a number from 1 to {MAX_LIMIT}"
        raise _bad(message, limit=text[:20])
    return number


async def _body(request: Request) -> bytes:
    """Read the body, bounded in size and time.

    Raises:
        ProblemError: it is too large, or comes too slowly.
        ClientDisconnect: it ended before its announced length: nothing was asked.
    """
    content = bytearray()
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_DISCARD_BYTES:
                    break
                content += chunk[: MAX_BODY_BYTES + 1 - len(content)]
    except TimeoutError as error:
        message = f"the body did not arrive within {BODY_S:.0f} s"
        status = HTTPStatus.REQUEST_TIMEOUT
        raise ProblemError(status, "too_slow", message) from error
    if size > MAX_BODY_BYTES:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        message = f"the body is longer than {MAX_BODY_BYTES} bytes"
        raise ProblemError(status, "too_large", message)
    return bytes(content)


def _decode(request: Request, body: bytes) -> RingBody:
    if not body:
        return RingBody()
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        message = "the body must be application/json"
        raise ProblemError(status, "not_json", message, details={"type": kind[:80]})
    try:
        return msgspec.json.decode(body, type=RingBody)
    except msgspec.MsgspecError as error:
        message = f"the body cannot be read: {error}"
        raise ProblemError(HTTPStatus.BAD_REQUEST, "bad_body", message) from error
