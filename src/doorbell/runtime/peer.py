"""The hub's end of a link: never blocks, whatever the other side does."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import TYPE_CHECKING, Any

from doorbell.core.errors import BadInputError
from doorbell.runtime.link import Codec, close_all, receive, transmit

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

# A worker this far behind is stopped or hung; its own deadline will end it. What must
# not be lost (rings, outbox) is on disk and is sent again to its successor.
MAX_BACKLOG = 1024


class Peer:
    """A connected process, message by message.

    `on_message(message, fds)` owns the descriptors; `on_gone()` is called once, at
    EOF, at an undecodable message, or when the backlog overflows; before it, in the
    second case, `on_malformed()`.
    """

    def __init__(
        self,
        sock: socket.socket,
        incoming: Any,  # noqa: ANN401 - a union is no type
        on_message: Callable[[object, list[int]], None],
        on_gone: Callable[[], None],
        on_malformed: Callable[[], None] = lambda: None,
    ) -> None:
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._sock = sock
        self._codec = Codec(incoming)
        self._on_message = on_message
        self._on_gone = on_gone
        self._on_malformed = on_malformed
        self._backlog: deque[tuple[bytes, list[int]]] = deque()
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._loop.add_reader(sock, self._readable)

    @property
    def is_open(self) -> bool:
        """Whether messages still go through."""
        return self._open

    @property
    def backlog(self) -> int:
        """Messages that wait because the peer does not read."""
        return len(self._backlog)

    def send(self, message: object, fds: Sequence[int] = ()) -> bool:
        """Send or queue one message; false if the peer is gone.

        The caller keeps its descriptors: they are duplicated while they wait.
        """
        if not self._open:
            return False
        data = self._codec.encode(message)
        if not self._backlog and self._try(data, fds):
            return self._open
        if len(self._backlog) >= MAX_BACKLOG:
            self.close()
            return False
        self._backlog.append((data, [os.dup(fd) for fd in fds]))
        self._loop.add_writer(self._sock, self._writable)
        return True

    def _try(self, data: bytes, fds: Sequence[int]) -> bool:
        try:
            transmit(self._sock, data, fds)
        except BlockingIOError:
            return False
        except OSError:
            # EPIPE: what it had said before is still to be read; EOF follows it.
            pass
        return True

    def _writable(self) -> None:
        while self._backlog:
            data, fds = self._backlog[0]
            if not self._try(data, fds):
                return
            self._backlog.popleft()
            close_all(fds)
        self._loop.remove_writer(self._sock)

    def _readable(self) -> None:
        # Bounded, so that one talkative worker cannot starve the others.
        for _ in range(32):
            if not self._open or not self._read_one():
                return

    def _read_one(self) -> bool:
        try:
            got = receive(self._sock)
        except BlockingIOError:
            return False
        except OSError:
            got = None
        except BadInputError:
            self._on_malformed()
            got = None
        if got is None:
            self.close()
            return False
        data, fds = got
        try:
            message = self._codec.decode(data)
        except BadInputError:
            close_all(fds)
            self._on_malformed()
            self.close()
            return False
        self._on_message(message, fds)
        return True

    def drain(self) -> None:
        """Take everything that already arrived, of a process that has ended."""
        while self._open and self._read_one():
            pass

    def close(self) -> None:
        """Hang up; safe more than once."""
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        for _, fds in self._backlog:
            close_all(fds)
        self._backlog.clear()
        self._sock.close()
        self._on_gone()
