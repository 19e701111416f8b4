"""The operations port: answers while every worker is dead.

Served by the supervisor's own loop. What is answered is a table of routes; a handler
gets the request and returns at once what it knows, for while it runs nothing else
does. Whoever connects gets a bounded time, size and number of connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import re
from http import HTTPStatus
from ipaddress import ip_address
from time import monotonic_ns
from typing import TYPE_CHECKING

from doorbell.runtime.http_wire import (
    MAX_HEAD_BYTES,
    BadRequestError,
    HttpRequest,
    HttpResponse,
    encode,
    parse,
)
from monitoring.logging.http_lines import log_http_request
from monitoring.logging.structured_logging import CorrelationContext, error_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Handler = Callable[[HttpRequest], HttpResponse]
    Answered = Callable[[str, int], None]

log = logging.getLogger("doorbell.operations")

REQUEST_S = 5.0
ANSWER_S = 10.0
MAX_CONNECTIONS = 32
NS_PER_MS = 1_000_000
# Says no more than a ping; whoever restarts what hangs has no token at hand.
OPEN_PATHS = frozenset({"/health/live"})
# A Host header: name or address, an IPv6 address in brackets, and maybe the port.
_HOST = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::\d*)?")


class OperationsServer:
    """Answers GET on one address.

    Args:
        routes: handler by path; a route added later is served from then on.
        token: what callers must send as `Authorization: Bearer`; empty for nothing.
        answered: called with path and status of each answer, the path empty where
            there is no such route.

    Attributes:
        address: where it listens, `host:port`; empty while it does not.
    """

    def __init__(
        self,
        routes: Mapping[str, Handler],
        token: str = "",
        answered: Answered = lambda _path, _status: None,
    ) -> None:
        self._routes = routes
        self._token = token.encode()
        self._answered = answered
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self.address = ""

    async def listen(self, host: str, port: int) -> None:
        """Take connections from now on.

        Raises:
            OSError: the address cannot be had, as when another program has it.
        """
        self._server = await asyncio.start_server(
            self._connected, host, port, limit=MAX_HEAD_BYTES
        )
        name = self._server.sockets[0].getsockname()
        shown = f"[{name[0]}]" if ":" in name[0] else name[0]
        self.address = f"{shown}:{name[1]}"

    async def close(self) -> None:
        """Take no more connections and end those that are open."""
        self.address = ""
        if self._server is not None:
            self._server.close()
        for task in list(self._sessions):
            task.cancel()
        if self._sessions:
            await asyncio.wait(list(self._sessions))

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        if task is None or len(self._sessions) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._sessions.add(task)
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                await self._session(reader, writer)
        finally:
            self._sessions.discard(task)
            # Abort: an orderly end would wait for a caller that reads nothing.
            writer.transport.abort()

    async def _session(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        request, response = await self._take(reader)
        with_body = request is None or request.method != "HEAD"
        writer.write(encode(response, with_body=with_body))
        async with asyncio.timeout(ANSWER_S):
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def _take(
        self, reader: asyncio.StreamReader
    ) -> tuple[HttpRequest | None, HttpResponse]:
        with CorrelationContext() as request_id:
            began_ns = monotonic_ns()
            request, response = await self._understood(reader)
            log_http_request(
                request_id=request_id,
                method=request.method if request else "",
                path=request.path if request else "",
                status=response.status,
                duration_ms=(monotonic_ns() - began_ns) / NS_PER_MS,
            )
        path = request.path if request and request.path in self._routes else ""
        self._answered(path, response.status)
        return request, response

    async def _understood(
        self, reader: asyncio.StreamReader
    ) -> tuple[HttpRequest | None, HttpResponse]:
        request = None
        try:
            async with asyncio.timeout(REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
            request = parse(head)
            response = self._answer(request)
        except BadRequestError as error:
            response = _plain(str(error), error.status)
        except asyncio.LimitOverrunError:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            response = _plain("the request is too long", status)
        except TimeoutError:
            response = _plain("the request took too long", HTTPStatus.REQUEST_TIMEOUT)
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError from error
        return request, response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return _plain("only GET", HTTPStatus.METHOD_NOT_ALLOWED)
        if refusal := self._refusal(request):
            return refusal
        handler = self._routes.get(request.path)
        if handler is None:
            known = " ".join(sorted(self._routes))
            return _plain(f"there is: {known}", HTTPStatus.NOT_FOUND)
        try:
            return handler(request)
        except Exception as error:  # the border between a request and the daemon
            log.exception("operations_failed", extra={"path": request.path})
            bug = f"a bug; the log has it as error {error_id(error)}"
            return _plain(bug, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        if request.path in OPEN_PATHS:
            return None
        if self._token:
            sent = request.headers.get("authorization", "").encode()
            if hmac.compare_digest(sent, b"Bearer " + self._token):
                return None
            return _plain("the token is missing or wrong", HTTPStatus.UNAUTHORIZED)
        if not _names_an_address(request.headers.get("host", "")):
            # A page in a browser of the house can have its own name point here.
            return _plain("ask by address, not by name", HTTPStatus.FORBIDDEN)
        return None


def _names_an_address(host: str) -> bool:
    """Whether a Host header is an address, `localhost`, or missing."""
    found = _HOST.fullmatch(host)
    name = (found[1] or found[2] or "") if found else host
    try:
        ip_address(name)
    except ValueError:
        return name in ("", "localhost")
    return True


def _plain(text: str, status: int) -> HttpResponse:
    return HttpResponse(f"{text}\n".encode(), status=status)
