"""What others may read of a running daemon: the metrics, and the port they are read at.

It puts the collector, what feeds it and the operations port together, and starts and
stops them. A port that cannot be had does not keep the bell from ringing: it is logged
and tried again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from datetime import UTC
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from config.metrics_settings import address_of
from config.production.monitoring_config import MonitoringConfig
from config.secrets import read_secret
from doorbell.core.localtime import local_at
from doorbell.runtime import wiring
from doorbell.runtime.accuracy_watch import AccuracyWatch
from doorbell.runtime.alarms import Alarms
from doorbell.runtime.health_routes import health_routes
from doorbell.runtime.http_wire import HttpRequest, HttpResponse
from doorbell.runtime.metrics_feed import MetricsFeed
from doorbell.runtime.operations import OperationsServer
from monitoring.logging.security import log_security_event, recorder
from monitoring.metrics.error_counter import count_errors
from monitoring.metrics.label_values import OTHER, path
from monitoring.metrics.prometheus_config import ProductionMonitoringSystem
from monitoring.metrics.recording import record_counter, record_gauge, send_to
from monitoring.metrics.system_sampler import SystemSampler
from monitoring.metrics.update_history import UpdateHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from doorbell.runtime.hub import Hub
    from doorbell.runtime.operations import Handler
    from monitoring.logging.security import SecurityEvent

log = logging.getLogger("doorbell.operations")

# What `EngineReady` may call itself.
ENGINES = ("dlib", "dlib-onnx", "mobilefacenet", "fake")
LISTEN_AGAIN_S = 30.0
NOTICE_S = 60.0
REFUSALS: dict[int, tuple[str, str]] = {
    HTTPStatus.UNAUTHORIZED: (
        "authentication_failed",
        "somebody asked the operations port without its token",
    ),
    HTTPStatus.FORBIDDEN: (
        "forged_request",
        "the operations port was asked under a name that is not its own",
    ),
}
# How busy the processors are can only be said of a while.
FIRST_SAMPLE_S = 1.0
_PATHS = frozenset(path.values or ())


class Observatory:
    """Everything that watches one hub.

    Args:
        hub: not started yet.
        environ: for the token, if systemd hands it over.

    Attributes:
        system: the metrics; alerts and others add their part of the status to it.
        routes: handler by path of the operations port; more may be added.
        operations: the port.

    Raises:
        SettingsError: the token cannot be read.
    """

    def __init__(self, hub: Hub, environ: Mapping[str, str]) -> None:
        settings = hub.settings
        self._hub = hub
        self.system = ProductionMonitoringSystem(
            MonitoringConfig.of(
                settings, engines=ENGINES, version=version("doorbell-edge")
            )
        )
        collector = self.system.collector
        self._sampler = SystemSampler(collector, Path(settings.storage.dir))
        self._updates = UpdateHistory(Path(settings.deploy.state_dir), collector)
        self._feed = MetricsFeed(hub, collector)
        self._accuracy = AccuracyWatch(hub, collector)
        self._alarms = Alarms(hub, collector)
        self.system.add_status("alerts", self._alarms.status)
        self._heartbeat = wiring.heartbeat(
            settings, environ, lambda: not hub.supervisor.is_lost("button")
        )
        self.routes: dict[str, Handler] = {"/metrics": self._metrics}
        self.routes.update(health_routes(hub.health))
        operations = settings.operations
        key = "operations.token_file"
        token = operations.token_file and read_secret(
            key, operations.token_file, environ
        )
        self.operations = OperationsServer(self.routes, token, self._answered)
        self._noticed_s: dict[int, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = threading.Event()

    async def start(self) -> None:
        """Hear what happens in the hub, and answer."""
        send_to(self.system.collector)
        count_errors()
        record_gauge("doorbell_build_info", 1, {"version": self.system.config.version})
        record_gauge("user_sessions_active", 0)
        self._hub.audience.admit(self._feed)
        self.system.collector.before_reading(self._feed.refresh)
        self.system.collector.before_reading(self._read_processes)
        await self._listen()
        # A daemon: a card that answers no question must not keep us from ending.
        threading.Thread(target=self._sample, name="metrics", daemon=True).start()
        self._spawn(self._accuracy.run())
        for work in self._alarms.tasks():
            self._spawn(work)
        recorder.add_sink("push", self._push_of(asyncio.get_running_loop()))
        if self._heartbeat is not None:
            self._spawn(self._heartbeat())
        if not self.operations.address:
            self._spawn(self._listen_again())

    async def stop(self) -> None:
        """Answer no more; what is recorded from now on is dropped."""
        recorder.remove_sink("push")
        send_to(None)
        self._ended.set()
        for task in list(self._tasks):
            task.cancel()
        await self.operations.close()

    def _push_of(
        self, loop: asyncio.AbstractEventLoop
    ) -> Callable[[SecurityEvent], None]:
        """Have events told on our loop; they happen in any thread."""

        def told(event: SecurityEvent) -> None:
            loop.call_soon_threadsafe(self._alarms.noticed, event)

        return told

    def _metrics(self, request: HttpRequest) -> HttpResponse:
        accept = request.headers.get("accept", "")
        body, content_type = self.system.collector.exposition(accept)
        return HttpResponse(body, content_type)

    # The port.

    def _answered(self, where: str, status: int) -> None:
        labels = {"path": where if where in _PATHS else OTHER, "code": str(status)}
        record_counter("doorbell_operations_requests_total", 1.0, labels)
        now_s = time.monotonic()
        # Counted always, but told now and then: who knocks on must not fill the card.
        is_due = now_s - self._noticed_s.get(status, -NOTICE_S) >= NOTICE_S
        if status in REFUSALS and is_due:
            self._noticed_s[status] = now_s
            facts = {"source": "operations", "action_taken": "refused"}
            log_security_event(*REFUSALS[status], "medium", facts)

    async def _listen(self) -> bool:
        wanted = address_of(self._hub.settings.operations.listen)
        if wanted is None:
            return True
        try:
            await self.operations.listen(*wanted)
        except OSError as error:
            return _unavailable(wanted, error)
        log.info("operations_listening", extra={"address": self.operations.address})
        return True

    async def _listen_again(self) -> None:
        is_done = address_of(self._hub.settings.operations.listen) is None
        while not is_done:
            await asyncio.sleep(LISTEN_AGAIN_S)
            is_done = await self._listen()

    # What is read now and then.

    def _sample(self) -> None:
        """Read the machine until the end; in a thread of its own, which may hang."""
        wait_s = FIRST_SAMPLE_S
        while not self._ended.wait(wait_s):
            self._sample_once()
            wait_s = self.system.config.scrape_s

    def _sample_once(self) -> None:
        now_s = self._hub.clock.now().wall_s()
        self._sampler.sample()
        self._updates.read(local_at(now_s, UTC))

    def _read_processes(self) -> None:
        workers = self._hub.supervisor.workers.items()
        pids = {role: worker.pid for role, worker in workers}
        self._sampler.processes({"hub": os.getpid()} | pids)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task_failed", exc_info=error)


def _unavailable(address: tuple[str, int], error: OSError) -> bool:
    host, port = address
    extra = {
        "address": f"{host}:{port}",
        "error": error.strerror or str(error),
        "hint": "Another program has the port: set [operations] listen.",
    }
    log.error("operations_unavailable", extra=extra)
    return False
