"""The daemon: a hub, its control socket, signals and the service manager.

`run` returns when it was told to stop and the visit in hand is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from config.errors import SettingsError
from doorbell.core.errors import UnavailableError
from doorbell.runtime import audited, wiring
from doorbell.runtime.client import control_path
from doorbell.runtime.commands import Commands
from doorbell.runtime.control import ControlServer, listen
from doorbell.runtime.hub import Hub
from doorbell.runtime.observatory import Observatory
from doorbell.runtime.reload import plan_reload
from doorbell.runtime.reporting import begin_log
from doorbell.runtime.sdnotify import SystemdNotifier
from doorbell.runtime.standby import Standby

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from config.production.production_settings import ProductionSettings
    from doorbell.runtime.audience import Watch

log = logging.getLogger("doorbell.daemon")

# The press path must stand before we say READY, but a broken button must not keep the
# service manager waiting: the command line can still ring.
READY_S = 20.0
STATUS_S = 30.0


class Daemon:
    """One `doorbell run`.

    Args:
        settings: validated.
        environ: for the service manager and its credentials.
        load: reads the settings again, for SIGHUP.
        watch: hears of each thing that happens.
        begins: `standby` loads everything and waits for SIGUSR1.
    """

    def __init__(
        self,
        settings: ProductionSettings,
        environ: Mapping[str, str],
        load: Callable[[], ProductionSettings],
        watch: Watch | None = None,
        begins: Literal["active", "standby"] = "active",
    ) -> None:
        self._begins = begins
        self._word = asyncio.Event()
        self._settings = settings
        self._environ = environ
        self._load = load
        self._watch = watch
        self._systemd = SystemdNotifier(environ)
        self._end = asyncio.Event()
        self._reloads: set[asyncio.Task[None]] = set()

    async def run(self, started: Callable[[Hub], None] | None = None) -> None:
        """Serve until SIGTERM or SIGINT.

        Args:
            started: called once the sockets are bound and the button is heard.

        Raises:
            UnavailableError: another process holds the state directory.
            NewerStateError: a newer release wrote the state.
        """
        self._take_signals()
        with contextlib.ExitStack() as lease:
            if self._begins == "active":
                lease.enter_context(wiring.state_lock(self._settings))
            roles = wiring.roles(self._settings)
            hub = Hub(self._settings, roles, self._environ, self._watch)
            observatory = Observatory(hub, self._environ)
            control = self._settings.control
            commands = Commands(hub, observatory)
            server = ControlServer(commands, control.group, control.admin_group)
            path = control_path(self._settings)
            hub.http.listen(self._settings.web, self._environ)
            hub.http.answer_by(server.serve_web)
            try:
                if self._begins == "standby" and not await self._stand_by(hub, lease):
                    return
                # First, so that it hears of everything.
                await observatory.start()
                await hub.start()
                hub.audit.began(version("doorbell-edge"))
                server.listen_on(listen(path, control.group))
                self._take_reload(hub)
                await self._serve(hub, started)
            finally:
                self._systemd.send(stopping="1", status="telling the visit in hand")
                # Before the control server, which answers what it has in hand.
                await hub.http.close()
                server.close()
                hub.audit.ended()
                await hub.stop()
                await observatory.stop()
                if not hub.stands_by:
                    path.unlink(missing_ok=True)

    async def _stand_by(self, hub: Hub, lease: contextlib.ExitStack) -> bool:
        """Wait for the door; false if told to end instead."""
        standby = Standby(hub, self._environ, self._systemd, os.getpid())
        try:
            await standby.warm_up()
            lock = await standby.wait(self._word, self._end)
            if lock is None:
                return False
            lease.enter_context(lock)
            await standby.take_over()
        finally:
            await standby.close()
        log.info("took_over")
        return True

    def stop(self) -> None:
        """End in order, as on SIGTERM."""
        self._end.set()

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        # To take the door, if we stand by; who has it already does nothing.
        loop.add_signal_handler(signal.SIGUSR1, self._word.set)

    def _take_reload(self, hub: Hub) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._begin_reload, hub)

    def _begin_reload(self, hub: Hub) -> None:
        task = asyncio.get_running_loop().create_task(self._reload(hub))
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload(self, hub: Hub) -> None:
        try:
            before = hub.settings
            plan = plan_reload(before, self._load())
            await audited.record_reload(hub.audit, before, plan)
            hub.reconfigure(plan.settings, plan.roles)
            hub.audit.reconfigure(plan.settings)
            if plan.settings.log != before.log:
                begin_log(plan.settings)
        except (SettingsError, UnavailableError) as error:
            log.error("settings_refused", extra={"error": str(error)})  # noqa: TRY400 - every mistake is in the message
            return
        for key in plan.needs_restart:
            log.warning("setting_needs_restart", extra={"key": key})
        log.info("settings_reloaded", extra={"restarted": ",".join(plan.roles)})

    async def _serve(self, hub: Hub, started: Callable[[Hub], None] | None) -> None:
        await self._until_heard(hub)
        self._systemd.send(ready="1", status=hub.summary())
        hub.synthetic.start()
        if started is not None:
            started(hub)
        period_s = self._systemd.watchdog_s or STATUS_S
        while not self._end.is_set():
            # A lost button ends the pings: systemd then restarts the whole, which is
            # the one thing that may help. Camera and network are no part of it.
            if not hub.supervisor.is_lost("button"):
                self._systemd.send(watchdog="1", status=hub.summary())
            try:
                async with asyncio.timeout(period_s):
                    await self._end.wait()
            except TimeoutError:
                continue

    async def _until_heard(self, hub: Hub) -> None:
        deadline_s = asyncio.get_running_loop().time() + READY_S
        while not hub.supervisor.is_up("button") and not self._end.is_set():
            if asyncio.get_running_loop().time() > deadline_s:
                return
            await asyncio.sleep(0.02)
