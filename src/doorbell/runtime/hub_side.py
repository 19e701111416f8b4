"""The button holder's side of the hub: whichever slot listens now.

Nothing here ever waits: a hub that does not read is hung up on, and finds in the
journal what it was not told.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING

from doorbell.core.errors import BadInputError, UnavailableError
from doorbell.runtime.link import Codec, close_all, receive, transmit
from doorbell.stages.messages import Beat, CursorMoved, Ready, RequestRing, Rung

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

log = logging.getLogger("doorbell.button")

# Rings that the disk did not take and that nobody was there to hear. As many fit into a
# socket's buffer before a hub that has just come reads the first.
UNTOLD = 100
_BACKLOG = 8
_CREDENTIALS = struct.Struct("=3i")


def listen(path: Path) -> socket.socket:
    """Listen for hubs at `path`, mode 0600.

    The caller holds the holder's lock: a socket that is there is a leftover.

    Raises:
        UnavailableError: no socket can be made there.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # Under its own name only once it listens: a hub is never refused.
    unready = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unready.unlink(missing_ok=True)
        sock.bind(str(unready))
        unready.chmod(0o600)
        sock.listen(_BACKLOG)
        unready.rename(path)
    except OSError as error:
        sock.close()
        msg = f"cannot listen at {path}: {error.strerror or error}"
        hint = "Set [button] holder to a path shorter than 100 characters we may write."
        raise UnavailableError(msg, hint=hint) from error
    sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return sock


class HubSide:
    """See `ports.stage.Outlet`; the newest hub that comes is the one.

    Args:
        listener: where hubs come in.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._hub: socket.socket | None = None
        self._codec = Codec(RequestRing | CursorMoved)
        self._untold: deque[Rung] = deque(maxlen=UNTOLD)
        self.detail = ""

    def descriptors(self) -> list[int]:
        """What to wait on."""
        hubs = [self._listener] if self._hub is None else [self._listener, self._hub]
        return [sock.fileno() for sock in hubs]

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        """Tell the hub, if one listens; only what no journal holds is kept for it."""
        if self._transmit(message, fds):
            return
        if isinstance(message, Rung) and not message.ring.durable:
            self._untold.append(message)

    def offer(self, message: object) -> bool:
        """Tell the hub, if one listens and has room; false if not."""
        return self._transmit(message, ())

    def busy(self, within_s: float) -> None:
        """Announce how long we may be silent."""
        self._transmit(Beat(within_s=within_s), ())

    def admit(self) -> bool:
        """Take a hub that knocks; the one before it is hung up on."""
        try:
            hub, _ = self._listener.accept()
        except OSError:
            return False
        pid, uid, _ = _CREDENTIALS.unpack(
            hub.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        if uid not in {0, os.geteuid()}:
            log.warning("hub_refused", extra={"uid": uid})
            hub.close()
            return False
        self._hang_up()
        hub.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._hub = hub
        log.info("hub_listens", extra={"pid": pid})
        self._transmit(Ready(detail=self.detail), ())
        for rung in self._take_untold():
            self.send(rung)
        return True

    def heard(self) -> Iterator[object]:
        """Yield what the hub has said."""
        while self._hub is not None:
            try:
                got = receive(self._hub)
            except BlockingIOError:
                return
            except (OSError, BadInputError):
                got = None
            if got is None:
                self._hang_up()
                return
            data, fds = got
            close_all(fds)
            # A hub of another release may say what we do not know.
            with contextlib.suppress(BadInputError):
                yield self._codec.decode(data)

    def close(self) -> None:
        """Hang up, and listen no more."""
        self._hang_up()
        self._listener.close()

    def _take_untold(self) -> list[Rung]:
        untold = list(self._untold)
        self._untold.clear()
        return untold

    def _transmit(self, message: object, fds: Sequence[int]) -> bool:
        if self._hub is None:
            return False
        try:
            transmit(self._hub, self._codec.encode(message), fds)
        except OSError as error:
            log.warning("hub_lost", extra={"error": error.strerror})
            self._hang_up()
            return False
        return True

    def _hang_up(self) -> None:
        if self._hub is not None:
            self._hub.close()
            self._hub = None
