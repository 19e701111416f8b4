"""Connections: taken while there is room, bounded in time, finished before the end.

uvicorn speaks HTTP; when to take a connection is decided here, because a slot that
steps back must not let go of one that it took.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import h11
import uvicorn
from starlette.datastructures import MutableHeaders
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from doorbell.web.envelope import REQUEST_ID, new_request_id
from doorbell.web.problems import MEDIA_TYPE, ProblemError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from starlette.types import ASGIApp

log = logging.getLogger("doorbell.web")

MAX_CONNECTIONS = 64
MAX_HEAD_BYTES = 16 * 1024
# A client that has sent no whole head by then is hung up on.
HEAD_S = 10.0
# The whole of a connection: a visit that is waited for takes longest.
LIFE_S = 120.0
# Out of descriptors: try again, but do not spin.
PAUSE_S = 0.2


class Connection(H11Protocol):
    """One connection: uvicorn's, with deadlines and with problems for bad HTTP."""

    def __init__(
        self, config: uvicorn.Config, state: ServerState, lost: Callable[[], None]
    ) -> None:
        super().__init__(config, state, {})
        self._lost = lost
        self._timers: list[asyncio.TimerHandle] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count the time."""
        super().connection_made(transport)
        self._timers = [
            self.loop.call_later(HEAD_S, self._head_is_due),
            self.loop.call_later(LIFE_S, transport.abort),
        ]

    def _head_is_due(self) -> None:
        if self.conn.their_state is h11.IDLE:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room for the next."""
        for timer in self._timers:
            timer.cancel()
        super().connection_lost(exc)
        self._lost()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as a problem like every other."""
        problem = ProblemError(HTTPStatus.BAD_REQUEST, "bad_http", msg)
        body = problem.body()
        headers = MutableHeaders()
        headers["Content-Type"] = MEDIA_TYPE
        headers["Content-Length"] = str(len(body))
        headers["Connection"] = "close"
        headers[REQUEST_ID] = new_request_id()
        lines = b"".join(b"%s: %s\r\n" % pair for pair in headers.raw)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + lines + b"\r\n" + body)
        self.transport.close()


class Door:
    """The listening sockets and every connection taken from them.

    Args:
        app: answers requests.
        sockets: listening, not blocking; the other slot may share them.
    """

    def __init__(self, app: ASGIApp, sockets: list[socket.socket]) -> None:
        self._config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )
        self._config.load()
        self._state = ServerState()
        self._sockets = sockets
        self._taken = 0
        self._is_open = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._beginning: set[asyncio.Task[object]] = set()
        self._loop = asyncio.get_running_loop()

    def open(self) -> None:
        """Take connections from now on."""
        self._is_open = True
        self._watch()

    def close(self) -> None:
        """Take no more; who waits in the kernel is for who comes next."""
        self._is_open = False
        self._ignore()

    async def finish(self, within_s: float) -> None:
        """Answer what is in hand, at most for so long."""
        self.close()
        try:
            async with asyncio.timeout(within_s):
                await self._empty.wait()
        except TimeoutError:
            log.warning("connections_cut", extra={"count": self._taken})

    def _watch(self) -> None:
        if self._is_open and self._taken < MAX_CONNECTIONS:
            for one in self._sockets:
                self._loop.add_reader(one, self._take, one)

    def _ignore(self) -> None:
        for one in self._sockets:
            self._loop.remove_reader(one)

    def _take(self, listening: socket.socket) -> None:
        try:
            sock, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # The other slot was quicker, or the client left.
        except OSError as error:
            log.warning("accept_failed", extra={"error": str(error)})
            self._ignore()
            self._loop.call_later(PAUSE_S, self._watch)
            return
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._taken += 1
        self._empty.clear()
        if self._taken >= MAX_CONNECTIONS:
            self._ignore()
        task: asyncio.Task[object] = self._loop.create_task(self._begin(sock))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _begin(self, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: Connection(self._config, self._state, self._lost), sock
            )
        except OSError as error:
            log.debug("connection_failed", extra={"error": str(error)})
            sock.close()
            self._lost()

    def _lost(self) -> None:
        self._taken -= 1
        if not self._taken:
            self._empty.set()
        self._watch()
