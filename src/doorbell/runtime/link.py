"""Framing: typed messages and descriptors over a SEQPACKET socket.

One datagram is one message, so there is nothing to resynchronise. A dead peer is EOF,
a full buffer is EAGAIN; neither can wedge anybody else.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any

import msgspec

from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

# One datagram must fit the socket's send buffer (net.core.wmem_max is 208 KiB on
# Debian); pictures and tables travel as descriptors instead.
MAX_MESSAGE_BYTES = 192 * 1024
MAX_DESCRIPTORS = 16


def pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a new link."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def close_all(fds: Sequence[int]) -> None:
    """Close descriptors that nobody wants."""
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)


class Codec:
    """Encodes any message, decodes those of one union."""

    def __init__(self, incoming: Any) -> None:  # noqa: ANN401 - a union is no type
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(incoming)

    def encode(self, message: object) -> bytes:
        """Return the datagram.

        Raises:
            BadInputError: it would not fit one datagram.
        """
        data = self._encoder.encode(message)
        if len(data) > MAX_MESSAGE_BYTES:
            msg = f"{type(message).__name__} of {len(data)} bytes is too long"
            raise BadInputError(msg)
        return data

    def decode(self, data: bytes) -> object:
        """Return the message.

        Raises:
            BadInputError: it is no message of ours.
        """
        try:
            return self._decoder.decode(data)
        except msgspec.MsgspecError as error:
            msg = f"not a message: {error}"
            raise BadInputError(msg) from error


def receive(sock: socket.socket) -> tuple[bytes, list[int]] | None:
    """Read one datagram and its descriptors; None at EOF.

    Raises:
        BlockingIOError: the socket does not block and nothing waits.
        BadInputError: the datagram or its descriptors were cut off.
    """
    space = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)
    try:
        data, ancillary, flags, _ = sock.recvmsg(
            MAX_MESSAGE_BYTES, space, socket.MSG_CMSG_CLOEXEC
        )
    except ConnectionResetError:
        return None
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        close_all(fds)
        msg = "a message was cut off"
        raise BadInputError(msg)
    return (data, list(fds)) if data else None


def transmit(sock: socket.socket, data: bytes, fds: Sequence[int] = ()) -> None:
    """Send one datagram; the receiver gets duplicates of `fds`."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
    sock.sendmsg([data], rights if fds else [])


class Link:
    """The blocking end: of a worker, or of a command."""

    def __init__(self, sock: socket.socket, incoming: Any) -> None:  # noqa: ANN401 - a union is no type
        self._sock = sock
        self._codec = Codec(incoming)

    def fileno(self) -> int:
        """Let poll wait on it."""
        return self._sock.fileno()

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        """Send one message, waiting while the peer is behind.

        Raises:
            BrokenPipeError: the peer is gone.
        """
        transmit(self._sock, self._codec.encode(message), fds)

    def offer(self, message: object) -> bool:
        """Send one message if there is room for it; never waits.

        Raises:
            BrokenPipeError: the peer is gone.
        """
        try:
            self._sock.send(self._codec.encode(message), socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        return True

    def receive(self) -> tuple[object, list[int]] | None:
        """Wait for one message and its descriptors; None when the peer is gone."""
        got = receive(self._sock)
        if got is None:
            return None
        data, fds = got
        try:
            return self._codec.decode(data), fds
        except BadInputError:
            close_all(fds)
            raise

    def close(self) -> None:
        """Hang up."""
        self._sock.close()
