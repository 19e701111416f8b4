"""The life of the web process: rehearse, take connections when told, finish, end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from doorbell.core.errors import BadSettingsError, UnavailableError
from doorbell.runtime.link import close_all
from doorbell.runtime.listening import bound
from doorbell.runtime.peer import Peer
from doorbell.runtime.worker import BEAT_S, BEATS_IN_SILENCE
from doorbell.stages import messages as m
from doorbell.stages.directions import FromHub
from doorbell.web.api import Api
from doorbell.web.asking import Questioner
from doorbell.web.envelope import Envelope
from doorbell.web.serving import Door
from doorbell.web.token import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import Message

    from config.production.production_settings import ProductionSettings

log = logging.getLogger("doorbell.web")

# Less than the hub's patience with this process.
FINISH_S = 3.0


class WebProcess:
    """One process that serves HTTP.

    Args:
        link: to the hub.
        settings: validated.
        fds: listening sockets; none if the supervisor could not bind.
        report: sends what was measured since; never waits.

    Raises:
        DoorbellError: there is no port or no token to be had.
    """

    def __init__(
        self,
        link: socket.socket,
        settings: ProductionSettings,
        fds: Sequence[int],
        report: Callable[[], None],
    ) -> None:
        self._report = report
        self._silence_s = settings.supervision.progress_timeout_s
        token = Token(settings, os.environ)
        token.make_if_missing()
        sockets = [socket.socket(fileno=fd) for fd in fds]
        self._end = asyncio.Event()
        self._link = Peer(link, FromHub, self._heard, self._end.set)
        self._api = Api(
            Questioner(self._link),
            token,
            settings.web.rings_per_minute,
            lambda active: self._say(m.Sessions(active=active)),
        )
        self._app = Envelope(self._api.routes())
        self._door = Door(self._app, sockets or [bound(settings.web.listen)])

    async def run(self) -> None:
        """Serve until the hub says stop or is gone."""
        await self._rehearse()
        self._say(m.Ready(detail="HTTP"))
        beats = asyncio.create_task(self._beat())
        try:
            await self._end.wait()
            await self._door.finish(FINISH_S if self._link.is_open else 0.0)
        finally:
            beats.cancel()

    def _heard(self, message: object, fds: list[int]) -> None:
        close_all(fds)
        match message:
            case m.ServeHttp():
                self._door.open()
            case m.Stop():
                self._end.set()
            case _:
                log.warning("unexpected", extra={"kind": type(message).__name__})

    def _say(self, message: object) -> None:
        self._link.send(message)

    async def _beat(self) -> None:
        period_s = min(BEAT_S, self._silence_s / BEATS_IN_SILENCE)
        while True:
            self._say(m.Beat(within_s=self._silence_s))
            self._api.count_sessions()
            self._report()
            await asyncio.sleep(period_s)

    async def _rehearse(self) -> None:
        """Answer one request without a token: routes, token file, problem.

        Raises:
            BadSettingsError: the token cannot be read.
            UnavailableError: the answer is not the one it has to be.
        """
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        await self._app(_scope("/api/v1/visits"), receive, send)
        if sent[0]["status"] == HTTPStatus.SERVICE_UNAVAILABLE:
            msg = "the token cannot be read; see the log"
            raise BadSettingsError(msg, hint="Look at [web] token_file.")
        if sent[0]["status"] != HTTPStatus.UNAUTHORIZED:
            msg = f"the rehearsal was answered with {sent[0]}"
            raise UnavailableError(msg)


def _scope(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "client": None,
        "server": None,
    }
