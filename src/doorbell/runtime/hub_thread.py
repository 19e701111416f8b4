"""A hub within a command, for as long as no daemon runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from typing import TYPE_CHECKING

from doorbell.runtime import wiring
from doorbell.runtime.commands import Commands
from doorbell.runtime.control import ControlServer
from doorbell.runtime.hub import Hub

if TYPE_CHECKING:
    import socket

    from config.production.production_settings import ProductionSettings

STDERR = 2


class HubThread(threading.Thread):
    """A hub with an event loop of its own, serving one connection."""

    def __init__(
        self,
        settings: ProductionSettings,
        roles: frozenset[str],
        sock: socket.socket,
    ) -> None:
        super().__init__(name="hub", daemon=True)
        self._settings = settings
        self._roles = [role for role in wiring.ROLES if role in roles]
        self._sock = sock
        self._loop = asyncio.new_event_loop()
        self._serving = threading.Event()
        self._end = asyncio.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        """Serve until told to stop."""
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - carried to the waiting thread
            self._error = error
        finally:
            self._serving.set()
            self._sock.close()
            self._loop.close()

    async def _serve(self) -> None:
        # Standard output belongs to the command and to the script that reads it.
        hub = Hub(self._settings, self._roles, os.environ, log_fd=STDERR)
        hub.audit.write_alone()
        server = ControlServer(
            Commands(hub),
            self._settings.control.group,
            self._settings.control.admin_group,
        )
        await hub.start()
        try:
            server.serve(self._sock)
            self._serving.set()
            await self._end.wait()
        finally:
            server.close()
            await hub.stop()

    def wait_until_serving(self) -> None:
        """Wait until requests are answered.

        Raises:
            DoorbellError: the hub could not start.
        """
        self._serving.wait()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the hub, within its grace."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end.set)
        self.join()
