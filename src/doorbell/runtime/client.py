"""How a command reaches the hub: the running daemon's, or one of its own.

With a daemon running, its control socket answers. With none, the command takes the
state directory's lock and runs a hub in its own process, with just the workers it
needs: the same code answers either way.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from doorbell.core.errors import DoorbellError, NotRunningError, UnavailableError
from doorbell.runtime import replies, wiring
from doorbell.runtime import requests as r
from doorbell.runtime.link import Link, pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from config.production.production_settings import ProductionSettings


class RequestFailedError(DoorbellError):
    """The hub refused, or failed."""

    def __init__(self, failed: replies.Failed) -> None:
        super().__init__(failed.message, hint=failed.hint)
        self.exit_code = failed.exit_code
        self.error_id = failed.error_id


class Connection:
    """A conversation with a hub."""

    def __init__(self, sock: socket.socket) -> None:
        self._link = Link(sock, replies.AnyReply)

    def ask(
        self, request: r.Request, fds: Sequence[int] = ()
    ) -> Iterator[tuple[replies.Reply, list[int]]]:
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
                if isinstance(reply, replies.Failed):
                    raise RequestFailedError(reply)
                if isinstance(reply, replies.Done):
                    if reply.note:
                        yield reply, []
                    return
                if isinstance(reply, replies.Reply):
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
        NotRunningError: none runs.
    """
    del roles  # It has those it has.
    sock = _connect(control_path(settings))
    if sock is None:
        raise NotRunningError
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
    # A hub is most of the program: who speaks to a daemon does not load it.
    from doorbell.runtime.hub_thread import HubThread  # noqa: PLC0415 - see above

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
    """A command must not take the button's line; its ring comes from the socket.

    Nor does who waits for its answer want to read that all is as it should be.
    """
    return structs.replace(
        settings,
        button=structs.replace(settings.button, source="none"),
        log=structs.replace(settings.log, level=settings.log.level or "warning"),
    )
