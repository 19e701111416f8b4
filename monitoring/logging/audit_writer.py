"""The process that writes the audit log: `python -m monitoring.logging.audit_writer`.

It holds the folder's lock and listens on a Unix socket. What came in while the disk was
busy is written and synced together (group commit), and acknowledged only after that.
The daemon runs the same object as a worker when no such process is there.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from monitoring.logging import audit_prune, chain, instants
from monitoring.logging.audit_channel import (
    MAX_PACKET,
    Append,
    FromWriter,
    Recorded,
    Refused,
    State,
    ToWriter,
    pack,
    unpack_request,
)
from monitoring.logging.audit_errors import AuditError, AuditUnwritableError
from monitoring.logging.audit_log import AuditLog
from monitoring.logging.audit_place import AuditPlace, FolderLock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitoring.logging.chain import Entry, Instant

log = logging.getLogger("doorbell.audit")

MAX_CLIENTS = 128
IDLE_S = 60.0
# While the lock or the disk is not to be had.
RETRY_S = 0.5
PRUNE_S = 86400.0
_CREDENTIALS = struct.Struct("3i")


@dataclass(slots=True)
class _Client:
    """One connection; `via` is its user where that is not ours."""

    sock: socket.socket
    via: str


class AuditWriter:
    """The writer, driven by whoever turns its loop.

    Args:
        place: where the log is.
        now: the clocks.
        busy: called before something that may take as long as a slow card does.
        host: what this process is: `unit`, or `worker` of a daemon.
    """

    def __init__(
        self,
        place: AuditPlace,
        host: str,
        now: Callable[[], Instant] = instants.now,
        busy: Callable[[], None] = lambda: None,
    ) -> None:
        self._place = place
        self._host = host
        self._now = now
        self._busy = busy
        self._epoll = select.epoll()
        self._clients: dict[int, _Client] = {}
        self._lock: FolderLock | None = None
        self._log: AuditLog | None = None
        self._listening: socket.socket | None = None
        self._next_try_s = self._next_prune_s = 0.0
        self._trouble = "the log is not open yet"

    def start(self) -> str:
        """Open the log if that is possible now; says how it is."""
        self._ensure_open(time.monotonic())
        return self._trouble or f"{self.size} records"

    @property
    def size(self) -> int:
        """Records on disk."""
        return self._log.size if self._log else 0

    def descriptors(self) -> list[int]:
        """One descriptor that is readable when there is something to do."""
        return [self._epoll.fileno()]

    def turn(self, now_s: float) -> float:
        """Do what is to be done; returns the seconds until something is due."""
        self._ensure_open(now_s)
        self._serve()
        self._sign()
        self._prune(now_s)
        if self._log is None:
            return RETRY_S
        due_s = self._log.due_s()
        return IDLE_S if due_s is None else min(due_s, IDLE_S)

    def close(self) -> None:
        """Sign what is unsigned, hang up and give the lock back."""
        for client in list(self._clients.values()):
            self._drop(client)
        if self._listening is not None:
            self._listening.close()
            self._place.socket.unlink(missing_ok=True)
        if self._log is not None:
            self._log.close()
        if self._lock is not None:
            self._lock.release()
        self._epoll.close()

    # Opening.

    def _ensure_open(self, now_s: float) -> None:
        if self._log is not None or now_s < self._next_try_s:
            return
        self._next_try_s = now_s + RETRY_S
        try:
            self._open()
        except (OSError, AuditError) as error:
            if str(error) != self._trouble:
                log.error("audit_not_open", extra={"error": str(error)})  # noqa: TRY400 - the cause is in the message
            self._trouble = str(error)

    def _open(self) -> None:
        self._place.make()
        if self._lock is None:
            self._lock = FolderLock(self._place.folder)
        if self._listening is None:
            self._listen()
        self._busy()
        self._log = AuditLog(
            self._place.log, self._place.signer(), self._now, self._place.limits
        )
        self._trouble = ""
        extra = {"records": self._log.size, "fault": self._log.fault}
        log.info("audit_open", extra=extra)

    def _listen(self) -> None:
        path = self._place.socket
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        # We hold the lock, so a socket that is there is a leftover.
        path.unlink(missing_ok=True)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            sock.bind(str(path))
            path.chmod(0o660)
            sock.listen(MAX_CLIENTS)
            sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        except OSError:
            sock.close()
            raise
        self._listening = sock
        self._epoll.register(sock, select.EPOLLIN)

    # Serving.

    def _serve(self) -> None:
        """Take what all clients say, commit it together, and answer."""
        waiting: list[tuple[_Client, Append]] = []
        for fd, _ in self._epoll.poll(0):
            if self._listening is not None and fd == self._listening.fileno():
                self._accept()
            elif fd in self._clients:
                waiting += self._heard(self._clients[fd])
        if waiting:
            self._commit(waiting)

    def _accept(self) -> None:
        if self._listening is None:
            return
        try:
            sock, _ = self._listening.accept()
        except OSError:
            return
        if len(self._clients) >= MAX_CLIENTS:
            sock.close()
            return
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        uid = _CREDENTIALS.unpack(raw)[1]
        via = "" if uid in {0, os.geteuid()} else f"uid:{uid}"
        self._clients[sock.fileno()] = _Client(sock, via)
        self._epoll.register(sock, select.EPOLLIN | select.EPOLLHUP)

    def _heard(self, client: _Client) -> list[tuple[_Client, Append]]:
        try:
            packet = client.sock.recv(MAX_PACKET)
        except BlockingIOError:
            return []
        except OSError:
            packet = b""
        if not packet:
            self._drop(client)
            return []
        request = self._read(client, packet)
        if isinstance(request, Append):
            return [(client, request)]
        if request is not None:
            self._answer(client, self._state())
        return []

    def _read(self, client: _Client, packet: bytes) -> ToWriter | None:
        try:
            request = unpack_request(packet)
            if isinstance(request, Append):
                entries = [_via(entry, client.via) for entry in request.entries]
                for entry in entries:
                    chain.check(entry)
                return Append(entries)
        except (msgspec.MsgspecError, chain.RecordError) as error:
            self._answer(client, Refused(f"this cannot be recorded: {error}"))
            return None
        return request

    def _commit(self, waiting: Sequence[tuple[_Client, Append]]) -> None:
        entries = [entry for _, request in waiting for entry in request.entries]
        try:
            seq = self._append(entries)
        except AuditUnwritableError as error:
            self._trouble = str(error)
            for client, _ in waiting:
                self._answer(client, Refused(str(error), error.hint))
            return
        self._trouble = ""
        for client, request in waiting:
            self._answer(client, Recorded(seq))
            seq += len(request.entries)

    def _append(self, entries: Sequence[Entry]) -> int:
        if self._log is None:
            raise AuditUnwritableError(self._trouble)
        self._busy()
        return self._log.append(entries)

    def _state(self) -> State:
        if self._log is None:
            return State(0, "", 0, self._trouble, self._host)
        return State(
            size=self._log.size,
            root=self._log.root.hex(),
            covered=self._log.covered,
            trouble=self._trouble,
            host=self._host,
            fault=self._log.fault,
            checkpoint=self._log.newest.note if self._log.newest else "",
        )

    def _answer(self, client: _Client, message: FromWriter) -> None:
        try:
            client.sock.send(pack(message))
        except OSError:
            # It does not listen or is gone; its record is on disk all the same.
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.sock.fileno(), None) is not None:
            self._epoll.unregister(client.sock)
        client.sock.close()

    # What time demands.

    def _sign(self) -> None:
        if self._log is None or self._log.due_s() != 0.0:
            return
        self._busy()
        try:
            self._log.checkpoint()
        except AuditUnwritableError as error:
            log.error("checkpoint_failed", extra={"error": str(error)})  # noqa: TRY400 - the cause is in the message

    def _prune(self, now_s: float) -> None:
        if self._log is None or now_s < self._next_prune_s:
            return
        self._next_prune_s = now_s + PRUNE_S
        if not self._place.keep_months:
            return
        self._busy()
        now = self._now()
        try:
            done = audit_prune.prune(self._place.log, now, self._place.keep_months)
            for one in done:
                ctx = {"file": str(one.name), "records": one.records}
                self._log.append([chain.entry("audit.pruned", now, ctx=ctx)])
        except (OSError, AuditUnwritableError) as error:
            log.warning("audit_prune_failed", extra={"error": str(error)})


def _via(entry: Entry, via: str) -> Entry:
    """Note in the record whose word it is, where that is another user's."""
    if not via:
        return entry
    return msgspec.structs.replace(entry, ctx={**entry.ctx, "via": via})


def serve(
    writer: AuditWriter, end_fd: int, alive: Callable[[], float] = lambda: IDLE_S
) -> None:
    """Turn the writer's loop until `end_fd` is readable.

    Args:
        writer: started.
        end_fd: a pipe, or a connection that is hung up.
        alive: called every round; returns the longest time until the next.
    """
    poller = select.poll()
    for fd in (end_fd, *writer.descriptors()):
        poller.register(fd, select.POLLIN)
    while True:
        rest_s = min(writer.turn(time.monotonic()), alive())
        ready = {fd for fd, _ in poller.poll(rest_s * 1000)}
        if end_fd in ready:
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """Write until SIGTERM or SIGINT; returns the exit code."""
    import argparse  # noqa: PLC0415 - only this program has arguments

    from config.errors import SettingsError  # noqa: PLC0415 - only this program loads the settings
    from config.loader import load  # noqa: PLC0415 - as above
    from monitoring.logging.structured_logging import (  # noqa: PLC0415 - as above
        configure_logging,
        log_uncaught,
    )

    parser = argparse.ArgumentParser(
        prog="python -m monitoring.logging.audit_writer", description=__doc__
    )
    parser.add_argument("--config", metavar="FILE", help="the settings")
    args = parser.parse_args(arguments)
    try:
        settings = load(Path(args.config) if args.config else None, os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    configure_logging(settings.log.level or "info", settings.log.format, sys.stdout)
    log_uncaught()
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(write_fd)
    writer = AuditWriter(AuditPlace.of(settings), "unit")
    try:
        writer.start()
        _tell_systemd("READY=1")
        serve(writer, read_fd, _tell_watchdog)
    finally:
        writer.close()
    return 0


def _tell_watchdog() -> float:
    """Say that the loop turns; returns the seconds in which it must be said again."""
    period_us = os.environ.get("WATCHDOG_USEC", "")
    if not period_us.isdigit():
        return IDLE_S
    _tell_systemd("WATCHDOG=1")
    return int(period_us) / 1e6 / 3


def _tell_systemd(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), name)


if __name__ == "__main__":
    raise SystemExit(main())
