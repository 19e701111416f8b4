"""A slot that waits its turn: everything loaded, nothing taken.

`doorbell run --standby` starts the processes that need neither hardware nor state,
opens a copy of the state to see that it can, and waits for SIGUSR1. Then it waits for
the lease on the state directory, which the slot before gives back as its last act,
and goes on as the doorbell of this house. It serves an operations port of its own
meanwhile, one above the usual.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from config.metrics_settings import address_of
from doorbell.core.errors import UnavailableError
from doorbell.runtime import wiring
from doorbell.runtime.http_wire import HttpResponse
from doorbell.runtime.listening import inherited_fds
from doorbell.runtime.operations import OperationsServer
from doorbell.runtime.vision_team import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from doorbell.adapters.state_lock import StateLock
    from doorbell.runtime.http_wire import HttpRequest
    from doorbell.runtime.hub import Hub
    from doorbell.runtime.sdnotify import SystemdNotifier

log = logging.getLogger("doorbell.daemon")

# What belongs to whoever runs the door: the line, the audit log. The camera does too;
# its process is loaded, and opens it when it is first lent a slot.
TAKEN = frozenset({"button", "audit"})
# The lease is free some milliseconds after the other slot has told its last visit.
LOOK_S = 0.01
JSON = "application/json"


class Standby:
    """The time before a daemon takes the door.

    Args:
        hub: not started yet.
        environ: tells whether the sockets of HTTP are the service manager's.
        systemd: hears when it is warm.
        pid: ours, by which those sockets are known.
    """

    def __init__(
        self, hub: Hub, environ: Mapping[str, str], systemd: SystemdNotifier, pid: int
    ) -> None:
        self._hub = hub
        self._systemd = systemd
        self._slot = environ.get("DOORBELL_SLOT", "")
        self._shares_http = bool(inherited_fds(environ, pid))
        paths = ("/health", "/health/live", "/health/ready")
        routes = dict.fromkeys(paths, self._report)
        self._port = OperationsServer(routes)

    async def warm_up(self) -> None:
        """Load what can be loaded.

        Raises:
            UnavailableError: a process does not come up, so this release is no good.
            StorageError: the state cannot be opened by this release.
        """
        hub = self._hub
        held = TAKEN if self._shares_http else TAKEN | {"web"}
        hub.supervisor.held = set(held)
        hub.stands_by = True
        hub.http.hold()
        await self._listen()
        hub.supervisor.start()
        await asyncio.to_thread(wiring.try_state, hub.settings)
        warm = self._needed() - held
        for role in sorted(warm):
            await hub.until_ready(role)
        log.info("standing_by", extra={"roles": ",".join(sorted(warm))})

    def _needed(self) -> set[str]:
        """Without these there is nothing to take over with."""
        settings = self._hub.settings
        needed = {"capture", "notify"}
        if settings.features.recognition:
            needed.add("vision")
        if settings.web.enabled:
            needed.add("web")
        workers = self._hub.supervisor.workers
        return {role for role in workers if kind_of(role) in needed}

    async def wait(self, word: asyncio.Event, end: asyncio.Event) -> StateLock | None:
        """Wait for the word and then for the lease; None if told to end instead."""
        self._systemd.send(ready="1", status="standby: warm")
        period_s = self._systemd.watchdog_s or 30.0
        while not word.is_set():
            self._systemd.send(watchdog="1", status=f"standby: {self._condition()}")
            done = await _first_of(word, end, within_s=period_s)
            if done is end:
                return None
        return await self._lease(end)

    async def _lease(self, end: asyncio.Event) -> StateLock | None:
        self._systemd.send(status="standby: waits for the lease")
        while not end.is_set():
            try:
                return wiring.state_lock(self._hub.settings)
            except UnavailableError:
                await asyncio.sleep(LOOK_S)
        return None

    async def take_over(self) -> None:
        """Be the one that runs the door; the hub is started next."""
        await self._port.close()
        hub = self._hub
        hub.stands_by = False
        hub.supervisor.held = set()
        hub.http.serve()
        # First of all the camera: it takes longest, and needs none of the state.
        if hub.supervisor.is_up("capture"):
            hub.desk.worker_up("capture")
        hub.supervisor.start()

    async def close(self) -> None:
        """End without having taken over."""
        await self._port.close()

    def _condition(self) -> str:
        ailing = [
            role
            for role, worker in self._hub.supervisor.workers.items()
            if role not in self._hub.supervisor.held and not worker.is_up
        ]
        return f"not warm: {', '.join(ailing)}" if ailing else "warm"

    def _report(self, request: HttpRequest) -> HttpResponse:
        """It lives; it is never ready, since it does not run the door."""
        workers = self._hub.supervisor.workers.items()
        content = {
            "status": "standby",
            "ready": False,
            "slot": self._slot,
            "condition": self._condition(),
            "workers": {role: str(worker.life.state) for role, worker in workers},
        }
        status = 200 if request.path == "/health/live" else 503
        return HttpResponse(json.dumps(content).encode(), JSON, status=status)

    async def _listen(self) -> None:
        address = address_of(self._hub.settings.operations.listen)
        if address is None:
            return
        host, port = address
        try:
            await self._port.listen(host, port + 1 if port else 0)
        except OSError as error:
            # It is for people; the deployer asks the service manager.
            log.warning("standby_port_refused", extra={"error": str(error)})


async def _first_of(
    word: asyncio.Event, end: asyncio.Event, *, within_s: float
) -> asyncio.Event | None:
    """Wait until one of both is set; None when time is up."""
    waits = {asyncio.ensure_future(one.wait()): one for one in (end, word)}
    done, left = await asyncio.wait(
        waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED
    )
    for task in left:
        task.cancel()
    if end.is_set():
        return end
    return waits[done.pop()] if done else None
