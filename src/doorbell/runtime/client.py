"""How a command reaches the hub: the running daemon's, or one of its own.

With a daemon running, its control socket answers. With none, the command takes the
state directory's lock and runs a hub in its own process, with just the workers it
needs: the same code answers either way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from doorbell.core.errors import DoorbellError, UnavailableError
from doorbell.runtime import requests as r
from doorbell.runtime import wiring
from doorbell.runtime.commands import Commands
from doorbell.runtime.control import ControlServer
from doorbell.runtime.hub import Hub
from doorbell.runtime.link import Link, pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from config.production.production_settings import ProductionSettings


STDERR = 2


class RequestFailedError(DoorbellError):
    """The hub refused, or failed."""

    def __init__(self, failed: r.Failed) -> None:
        super().__init__(failed.message, hint=failed.hint)
        self.exit_code = failed.exit_code
        self.error_id = failed.error_id


class Connection:
    """A conversation with a hub."""

    def __init__(self, sock: socket.socket) -> None:
        self._link = Link(sock, r.AnyReply)

    def ask(
        self, request: r.Request, fds: Sequence[int] = ()
    ) -> Iterator[tuple[r.Reply, list[int]]]:
        """Send one request and yield each reply with its descriptors.

        The caller owns the descriptors. Ends after `Done`, which is yielded too when
        it says something.

        Raises:
            RequestFailedError: the hub refused, or failed.
            UnavailableError: the hub is gone.
        """
        try:
            self._link.send(request, fds)
            while (got := self._link.receive()) is not None:
                reply, received = got
                if isinstance(reply, r.Failed):
                    raise RequestFailedError(reply)
                if isinstance(reply, r.Done):
                    if reply.note:
                        yield reply, []
                    return
                if isinstance(reply, r.Reply):
                    yield reply, received
        except (BrokenPipeError, ConnectionResetError):
            pass
        msg = "the doorbell ended in the middle of the answer"
        raise UnavailableError(
            msg, hint="Its log says why (`journalctl -u 'doorbell*'` for a service)."
        )

    def close(self) -> None:
        """Hang up."""
        self._link.close()


def control_path(settings: ProductionSettings) -> Path:
    """Where the daemon listens.

    As a service that is `$RUNTIME_DIRECTORY`, else `[storage] dir`.
    """
    if settings.control.socket:
        return Path(settings.control.socket)
    folder = os.environ.get("RUNTIME_DIRECTORY") or settings.storage.dir
    service = Path("/run/doorbell/control.sock")
    if folder == "/var/lib/doorbell" and service.exists():
        return service
    return Path(folder) / "control.sock"


@contextlib.contextmanager
def open_connection(
    settings: ProductionSettings, *, roles: frozenset[str]
) -> Iterator[Connection]:
    """Connect to the daemon, or run a hub in this process.

    Args:
        settings: of this machine.
        roles: workers the request needs, for a hub of our own.

    Raises:
        UnavailableError: somebody holds the state, but does not answer.
    """
    sock = _connect(control_path(settings))
    if sock is not None:
        with contextlib.closing(Connection(sock)) as connection:
            yield connection
        return
    with own_hub(settings, roles) as connection:
        yield connection


@contextlib.contextmanager
def open_daemon(
    settings: ProductionSettings, *, roles: frozenset[str]
) -> Iterator[Connection]:
    """Connect to the daemon that runs, or not at all.

    Raises:
        UnavailableError: none runs.
    """
    del roles  # It has those it has.
    sock = _connect(control_path(settings))
    if sock is None:
        msg = "no daemon is running"
        raise UnavailableError(msg, hint="Start it: `systemctl start doorbell@blue`.")
    with contextlib.closing(Connection(sock)) as connection:
        yield connection


def _connect(path: Path) -> socket.socket | None:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        sock.close()
        return None
    except OSError as error:
        sock.close()
        msg = f"cannot reach the doorbell at {path}: {error.strerror or error}"
        hint = "Run the command as root or as a member of the [control] group."
        raise UnavailableError(msg, hint=hint) from error
    return sock


@contextlib.contextmanager
def own_hub(
    settings: ProductionSettings, roles: frozenset[str]
) -> Iterator[Connection]:
    """Run a hub in a thread of this process, under the state directory's lock."""
    if roles:
        print("no daemon is running: doing it here", file=sys.stderr)  # noqa: T201 - the command line's own words
    with wiring.state_lock(settings):
        ours, theirs = pair()
        thread = HubThread(_for_command(settings), roles, theirs)
        thread.start()
        try:
            thread.wait_until_serving()
            with contextlib.closing(Connection(ours)) as connection:
                yield connection
        finally:
            thread.stop()


def _for_command(settings: ProductionSettings) -> ProductionSettings:
    """A command must not take the button's line; its ring comes from the socket."""
    button = structs.replace(settings.button, source="none")
    return structs.replace(settings, button=button)


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
