"""What every answer has: a request id, its connection's end, and errors as problems.

A connection carries one request: a slot that steps back never meets an idle connection
on which a client is just about to ask again.
"""

from __future__ import annotations

import logging
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from config.errors import SettingsError
from doorbell.web.limits import Allowance
from doorbell.web.problems import MEDIA_TYPE, ProblemError
from monitoring.logging.correlation import CorrelationContext, new_correlation_id
from monitoring.logging.http_lines import log_http_request

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("doorbell.web")

REQUEST_ID = "X-Request-ID"
REFUSED_LINES_PER_MINUTE = 60
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def new_request_id(given: str = "") -> str:
    """Return the client's own id if it is harmless, else a new one."""
    return given if _GIVEN_ID.fullmatch(given) else new_correlation_id()


class Envelope:
    """The outermost part of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._refused_lines = Allowance(REFUSED_LINES_PER_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rid = new_request_id(Headers(scope=scope).get(REQUEST_ID, ""))
        with CorrelationContext(rid):
            await self._answer(scope, receive, _Marked(send, rid))

    async def _answer(self, scope: Scope, receive: Receive, send: _Marked) -> None:
        began_s = time.monotonic()
        error_id = ""
        try:
            # With an application named the router raises, instead of answering in text.
            await self._app({**scope, "app": self}, receive, send)
        except ClientDisconnect:
            log.debug("client_left")
            return
        except Exception as error:  # noqa: BLE001 - the border between one request and the rest
            problem = problem_of(error)
            error_id = problem.error_id
            _tell(problem, error)
            await respond(problem)(scope, receive, send)
        now_s = time.monotonic()
        refused = send.status >= HTTPStatus.BAD_REQUEST
        if refused and self._refused_lines.wait_s(now_s):
            return  # What clients do wrong must not fill a card.
        log_http_request(
            request_id=send.request_id,
            method=scope["method"],
            path=scope["path"],
            status=send.status,
            duration_ms=(now_s - began_s) * 1000,
            error_id=error_id,
        )


class _Marked:
    """Sends what every answer has, and remembers its status."""

    def __init__(self, send: Send, rid: str) -> None:
        self._send = send
        self.request_id = rid
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            _mark(MutableHeaders(scope=message), self.request_id)
        await self._send(message)


def _mark(headers: MutableHeaders, rid: str) -> None:
    headers[REQUEST_ID] = rid
    headers["Connection"] = "close"
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"


def problem_of(error: Exception) -> ProblemError:
    """What a client hears of an error; a bug shows no more than that there is one."""
    match error:
        case ProblemError():
            return error
        case HTTPException(status_code=404):
            return ProblemError(HTTPStatus.NOT_FOUND, "not_found", "no such page")
        case HTTPException(status_code=code, detail=detail, headers=headers):
            status = HTTPStatus(code)
            word = status.phrase.lower().replace(" ", "_")
            return ProblemError(status, word, detail, headers=headers)
        case SettingsError():
            status = HTTPStatus.SERVICE_UNAVAILABLE
            message = "the token cannot be read; the log says why"
            return ProblemError(status, "token_unreadable", message)
        case _:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            return ProblemError(status, "internal", "a bug; the log says more")


def _tell(problem: ProblemError, error: Exception) -> None:
    facts = {
        "error_id": problem.error_id,
        "error_code": problem.code,
        "error": str(error),
    }
    if problem.code == "internal":
        log.error("request_failed", extra=facts, exc_info=error)
    elif problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_unanswered", extra=facts)
    else:
        log.debug("request_refused", extra=facts)


def respond(problem: ProblemError) -> Response:
    """Return the problem as a response."""
    return Response(
        problem.body(),
        status_code=problem.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )
