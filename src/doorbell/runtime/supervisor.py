"""Start, watch, kill and restart worker processes: a thin shell.

Every rule is in `core.supervision`. This module turns processes and sockets into its
events and carries out its actions; what the messages mean is the hub's affair.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from doorbell.core.supervision import Action, Event, RestartPolicy, State, Supervised
from doorbell.runtime.carried import about, addressed
from doorbell.runtime.confided import confided
from doorbell.runtime.link import pair
from doorbell.runtime.peer import Peer
from doorbell.runtime.remote import RemoteEnd, remote_policy
from doorbell.runtime.security_desk import malformed
from doorbell.stages.directions import FromWorker
from doorbell.stages.messages import Beat, Broken, Configure, Ready, Stop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

log = logging.getLogger("doorbell.supervisor")

# Which program plays a role; those that are not here are workers.
PROGRAMS = {"web": "doorbell.web"}
EXIT_BAD_SETTINGS = 78
# Between hanging up and exiting a process writes its traceback; longer is hung.
LINGER_S = 1.0


class Boss(Protocol):
    """Who hears of the workers: the hub."""

    def worker_said(self, role: str, message: object, fds: list[int]) -> None:
        """A worker said something that is not about its life."""
        ...

    def worker_up(self, role: str) -> None:
        """A worker passed its rehearsal."""
        ...

    def worker_down(self, role: str) -> None:
        """A worker is gone and everything it said was heard."""
        ...


@dataclass(slots=True)
class Worker:
    """One role and the process that plays it now.

    Attributes:
        detail: what it said of itself when ready, or why it ended.
        stopping: the whole daemon ends; it is not started again.
        is_wanted_down: it was asked to end, so this is no death.
        remote: set for a role whose process is the service manager's, not ours.
    """

    role: str
    life: Supervised
    process: subprocess.Popen[bytes] | None = None
    peer: Peer | None = None
    pidfd: int = -1
    detail: str = ""
    stopping: bool = False
    is_wanted_down: bool = False
    exited: asyncio.Event = field(default_factory=asyncio.Event)
    remote: RemoteEnd | None = None

    @property
    def is_up(self) -> bool:
        """Whether it takes work."""
        return self.life.state is State.RUNNING and self.peer is not None

    @property
    def pid(self) -> int:
        """Its process id, 0 while there is none."""
        if self.remote is not None:
            return self.remote.pid
        return self.process.pid if self.process else 0


class Supervisor:
    """All workers of one daemon.

    Args:
        roles: which to run, in the order of their start.
        policy: the limits on their lives.
        configuration: what each is told first.
        ring_fd: the frame ring, inherited by every worker.
        boss: hears of them.
        log_fd: where their log lines go; None for our standard output.
        remotes: roles that are played by a process of the service manager, and the
            sockets where they are met.
    """

    def __init__(  # noqa: PLR0913 - put together in one place, by the hub
        self,
        roles: Sequence[str],
        policy: RestartPolicy,
        configuration: Configure,
        ring_fd: int,
        *,
        boss: Boss,
        log_fd: int | None = None,
        remotes: Mapping[str, str] | None = None,
    ) -> None:
        self.workers = {role: Worker(role, Supervised(policy)) for role in roles}
        for role in set(remotes or ()) & set(roles):
            life = Supervised(remote_policy(policy))
            end = RemoteEnd((remotes or {})[role])
            self.workers[role] = Worker(role, life, remote=end)
        self.configuration = configuration
        # What a role inherits instead of the frame ring.
        self.handed: dict[str, tuple[int, ...]] = {"web": ()}
        # Roles not to be started yet: a standby leaves them to the other slot.
        self.held: set[str] = set()
        self._ring_fd = ring_fd
        self._log_fd = log_fd
        self._boss = boss
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Start every worker."""
        self.tick()

    def send(self, role: str, message: object, fds: Sequence[int] = ()) -> bool:
        """Send to a worker that is up; false if it is not there to hear it."""
        worker = self.workers.get(role)
        if worker is None or not worker.is_up or worker.peer is None:
            return False
        return worker.peer.send(addressed(message), fds)

    def is_up(self, role: str) -> bool:
        """Whether the role's worker takes work now."""
        worker = self.workers.get(role)
        return worker is not None and worker.is_up

    def is_lost(self, role: str) -> bool:
        """Whether the role will not come back by itself."""
        worker = self.workers.get(role)
        return worker is None or worker.life.state is State.FATAL

    def tick(self) -> None:
        """Do what time demands, and arrange to be called again when it next does."""
        for worker in self.workers.values():
            self._step(worker, Event.TICK)
        self._arrange()

    def _arrange(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        waiting = (State.STARTING, State.RUNNING, State.BACKOFF)
        deadlines = [
            worker.life.deadline_s
            for worker in self.workers.values()
            if worker.life.state in waiting and not worker.stopping
        ]
        if deadlines:
            wait_s = max(min(deadlines) - time.monotonic(), 0.02)
            self._timer = self._loop.call_later(wait_s, self.tick)

    def _step(
        self, worker: Worker, event: Event, within_s: float | None = None
    ) -> None:
        is_held = worker.stopping or worker.role in self.held
        if is_held and event is Event.TICK:
            return
        action = worker.life.step(event, time.monotonic(), within_s)
        match action:
            case Action.SPAWN:
                self._spawn(worker)
            case Action.KILL:
                log.warning("worker_hung", extra={"role": worker.role})
                self._kill(worker)
            case Action.GIVE_UP:
                log.error(
                    "worker_given_up",
                    extra={"role": worker.role, "detail": worker.detail},
                )
                self._kill(worker)
            case Action.NOTHING:
                pass

    def _spawn(self, worker: Worker) -> None:
        if worker.remote is not None:
            self._join(worker, worker.remote)
            return
        ours, theirs = pair()
        fds = (theirs.fileno(), *self.handed.get(worker.role, (self._ring_fd,)))
        program = PROGRAMS.get(worker.role, "doorbell.runtime.worker")
        try:
            worker.process = subprocess.Popen(
                [sys.executable, "-m", program, worker.role, *map(str, fds)],
                stdin=subprocess.DEVNULL,
                stdout=self._log_fd,
                pass_fds=fds,
            )
        except OSError as error:
            # No memory or too many processes: counted as a death, so it is bounded.
            log.error("spawn_failed", extra={"role": worker.role, "error": str(error)})  # noqa: TRY400 - the errno says it all
            ours.close()
            self._step(worker, Event.EXITED)
            return
        finally:
            theirs.close()
        self._adopt(
            worker,
            Peer(
                ours,
                FromWorker,
                lambda message, fds: self._heard(worker, message, fds),
                lambda: self._hung_up(worker),
                lambda: malformed(worker.role, "high"),
            ),
        )

    def _join(self, worker: Worker, remote: RemoteEnd) -> None:
        """Meet a process whose life is not ours; it may not be there yet."""
        try:
            sock = remote.connect()
        except OSError as error:
            worker.detail = f"{remote.address}: {error.strerror or error}"
            self._step(worker, Event.EXITED)
            # Nobody died: nobody was there.
            worker.life.deaths -= 1
            return
        worker.exited.clear()
        worker.peer = Peer(
            sock,
            FromWorker,
            lambda message, fds: self._heard(worker, message, fds),
            lambda: self._parted(worker, remote),
            lambda: malformed(worker.role, "high"),
        )

    def _parted(self, worker: Worker, remote: RemoteEnd) -> None:
        was_known = worker.life.state is not State.STARTING
        worker.peer, remote.pid = None, 0
        if not worker.stopping:
            log.warning("remote_gone", extra={"role": worker.role})
        self._step(worker, Event.EXITED)
        worker.exited.set()
        if was_known:
            self._boss.worker_down(worker.role)
        self._arrange()

    def _adopt(self, worker: Worker, peer: Peer) -> None:
        worker.peer = peer
        worker.exited.clear()
        worker.pidfd = os.pidfd_open(worker.pid)
        self._loop.add_reader(worker.pidfd, self._exited, worker)
        peer.send(confided(worker.role, self.configuration))
        log.debug("worker_started", extra={"role": worker.role, "pid": worker.pid})

    def _heard(self, worker: Worker, message: object, fds: list[int]) -> None:
        match message:
            case Beat(within_s=within_s):
                self._step(worker, Event.PROGRESS, within_s)
                self._arrange()
            case Ready(detail=detail):
                worker.detail = detail
                self._step(worker, Event.READY)
                self._arrange()
                self._boss.worker_up(worker.role)
            case Broken(message=text, hint=hint, exit_code=code, error_id=error_id):
                worker.detail = f"{text} ({hint})" if hint else text
                worker.detail += f" [error {error_id}]" if error_id else ""
                if code == EXIT_BAD_SETTINGS:
                    self._step(worker, Event.CONFIG_ERROR)
            case _:
                with about(message):
                    self._boss.worker_said(worker.role, message, fds)

    def _hung_up(self, worker: Worker) -> None:
        # Deaf to us, so of no use to anybody; most often it is about to exit by itself.
        pid = worker.pid

        def end() -> None:
            if worker.pid == pid:
                self._kill(worker)

        self._loop.call_later(LINGER_S, end)

    def _kill(self, worker: Worker) -> None:
        if worker.remote is not None and worker.peer is not None:
            # Deaf to us; whether it is to be ended is for the service manager.
            worker.peer.close()
        if worker.process is not None:
            with contextlib.suppress(ProcessLookupError):
                worker.process.send_signal(signal.SIGKILL)

    def _exited(self, worker: Worker) -> None:
        self._loop.remove_reader(worker.pidfd)
        os.close(worker.pidfd)
        process, peer = worker.process, worker.peer
        if process is None:
            return
        code = process.wait()
        worker.process = worker.peer = None
        if peer is not None:
            # What it said before it died still counts.
            peer.drain()
            peer.close()
        was_known = worker.life.state is not State.STARTING
        if worker.is_wanted_down:
            worker.is_wanted_down = False
            worker.life = Supervised(worker.life.policy)
            self._loop.call_soon(self.tick)
        else:
            self._bury(worker, code)
        worker.exited.set()
        if was_known or worker.life.state is State.FATAL:
            self._boss.worker_down(worker.role)
        self._arrange()

    def _bury(self, worker: Worker, code: int) -> None:
        if not worker.stopping:
            log.warning("worker_died", extra={"role": worker.role, "code": code})
        self._step(worker, Event.EXITED)

    def pardon(self) -> None:
        """Give every worker that was given up a new start, on the owner's word."""
        for worker in self.workers.values():
            if worker.life.state is State.FATAL:
                worker.life.pardon()
        self.tick()

    def restart(self, roles: Sequence[str]) -> None:
        """Have workers finish what is in hand and start anew, as the owner wishes."""
        for role in roles:
            worker = self.workers.get(role)
            if worker is None:
                continue
            if worker.remote is not None:
                log.warning("remote_reads_its_own_settings", extra={"role": role})
                continue
            if worker.peer is not None:
                worker.is_wanted_down = True
                worker.peer.send(Stop())
        self.pardon()

    async def stop(self, roles: Sequence[str], grace_s: float) -> None:
        """Ask these workers to finish; end those that do not within the grace."""
        running = []
        for role in roles:
            worker = self.workers.get(role)
            if worker is not None:
                worker.stopping = True
                if worker.remote is not None and worker.peer is not None:
                    worker.peer.close()
                running += [worker] if worker.process is not None else []
        for worker in running:
            if worker.peer is not None:
                worker.peer.send(Stop())
        try:
            async with asyncio.timeout(grace_s):
                for worker in running:
                    await worker.exited.wait()
        except TimeoutError:
            for worker in running:
                self._kill(worker)
            for worker in running:
                await worker.exited.wait()

    def close(self) -> None:
        """No worker is left; stop the clock."""
        if self._timer is not None:
            self._timer.cancel()
