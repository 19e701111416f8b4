"""The hub's side of HTTP: the sockets, who may take connections, who answers.

The web process itself is `doorbell.web`, a layer above.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from doorbell.core.errors import DoorbellError
from doorbell.runtime.link import close_all
from doorbell.runtime.listening import http_sockets
from doorbell.stages.messages import ServeHttp

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

    from config.web import Web
    from doorbell.runtime.supervisor import Supervisor

log = logging.getLogger("doorbell.hub")

ROLE = "web"
# Requests in hand end within this; what rings is answered in milliseconds.
GRACE_S = 4.0


class HttpDoor:
    """The application port of one daemon.

    A standby slot calls `hold` before it starts: its web process is warm and takes no
    connection until `serve`, so that the other slot keeps them all.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._sockets: list[socket.socket] = []
        self._converse: Callable[[int], None] | None = None
        self._serving = True

    def listen(self, settings: Web, environ: Mapping[str, str]) -> None:
        """Take the service manager's sockets or bind one, for the web process.

        A port that cannot be had is logged and no error: the bell rings without. The
        web process tries it again and shows in `doorbell health` why it cannot run.
        """
        if ROLE not in self._supervisor.workers:
            return
        try:
            self._sockets = http_sockets(settings.listen, environ)
        except DoorbellError as error:
            facts = {"error": str(error), "hint": error.hint}
            log.error("http_port_refused", extra=facts)  # noqa: TRY400 - the message says it all
        self._supervisor.handed[ROLE] = tuple(one.fileno() for one in self._sockets)

    def answer_by(self, converse: Callable[[int], None]) -> None:
        """Have conversations answered by this; it owns their descriptor."""
        self._converse = converse

    def hold(self) -> None:
        """Take no connection, from the next start of the web process on."""
        self._serving = False

    def serve(self) -> None:
        """Take connections from now on."""
        self._serving = True
        self._supervisor.send(ROLE, ServeHttp())

    def worker_up(self) -> None:
        """The web process is warm."""
        if self._serving:
            self.serve()

    def converse(self, fds: Sequence[int]) -> None:
        """Somebody asks over HTTP."""
        if self._converse is None or len(fds) != 1:
            close_all(fds)
        else:
            self._converse(fds[0])

    async def close(self) -> None:
        """Let requests in hand be answered, take no more, and end the process.

        Connections nobody took stay in the service manager's sockets.
        """
        await self._supervisor.stop([ROLE], GRACE_S)
        for one in self._sockets:
            one.close()
        self._sockets.clear()
