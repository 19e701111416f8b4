"""What is said between the writer of the audit log and those who use it.

A Unix socket that keeps packets apart (SEQPACKET); one packet of JSON each way.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from monitoring.logging.audit_errors import AuditUnreachableError
from monitoring.logging.chain import Entry

if TYPE_CHECKING:
    from pathlib import Path

MAX_PACKET = 1 << 17
# So that a packet of the longest records fits.
MAX_ENTRIES = 12


class Append(Struct, frozen=True, tag=True):
    """Record these, all or none; answered by `Recorded` or `Refused`."""

    entries: list[Entry]


class Ask(Struct, frozen=True, tag=True):
    """How is the log? Answered by `State`."""


class Recorded(Struct, frozen=True, tag=True):
    """They are on disk, numbered from `first` on."""

    first: int


class Refused(Struct, frozen=True, tag=True):
    """None of them is on disk."""

    message: str
    hint: str = ""


class State(Struct, frozen=True, tag=True):
    """How the log is.

    Attributes:
        size: records on disk.
        root: of the tree over them, hexadecimal.
        covered: size of the newest checkpoint.
        trouble: why nothing can be written; empty if it can.
        host: who runs the writer: a `unit` of its own, a `worker` of a daemon, or a
            `command` that does it for itself.
        fault: what was wrong when the writer opened it: torn, changed or cut.
        checkpoint: the newest one, as a signed note; empty before the first.
    """

    size: int
    root: str
    covered: int
    trouble: str = ""
    host: str = ""
    fault: str = ""
    checkpoint: str = ""


ToWriter = Append | Ask
FromWriter = Recorded | Refused | State

_ENCODER = msgspec.json.Encoder()
_TO_WRITER = msgspec.json.Decoder(ToWriter)
_FROM_WRITER: msgspec.json.Decoder[FromWriter] = msgspec.json.Decoder(FromWriter)


def pack(message: ToWriter | FromWriter) -> bytes:
    """One packet."""
    return _ENCODER.encode(message)


def unpack_request(packet: bytes) -> ToWriter:
    """Read what a user of the log said; msgspec.MsgspecError if it is nonsense."""
    found: ToWriter = _TO_WRITER.decode(packet)
    return found


class Channel:
    """A connection to the writer.

    Args:
        path: its socket.
        timeout_s: longest wait for an answer.

    Raises:
        AuditUnreachableError: nobody listens there.
    """

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._sock.settimeout(timeout_s)
        try:
            self._sock.connect(str(path))
        except OSError as error:
            self._sock.close()
            msg = f"no writer of the audit log answers at {path}: {error.strerror}"
            raise AuditUnreachableError(msg) from error

    def ask(self, message: ToWriter) -> FromWriter:
        """Say something and wait for the answer.

        Raises:
            AuditUnreachableError: the writer is gone or too slow; what was said may
                have been carried out all the same.
        """
        try:
            self._sock.send(pack(message))
            packet = self._sock.recv(MAX_PACKET)
        except OSError as error:
            why = error.strerror or "too late"
            msg = f"the writer of the audit log gave no answer: {why}"
            raise AuditUnreachableError(msg) from error
        if not packet:
            msg = "the writer of the audit log ended"
            raise AuditUnreachableError(msg)
        return _FROM_WRITER.decode(packet)

    def close(self) -> None:
        """Hang up."""
        self._sock.close()


def host_at(path: Path, timeout_s: float = 1.0) -> str:
    """Who runs the writer that answers at this socket; empty if none does."""
    try:
        channel = Channel(path, timeout_s)
    except AuditUnreachableError:
        return ""
    try:
        answer = channel.ask(Ask())
        return answer.host if isinstance(answer, State) else ""
    except AuditUnreachableError:
        return ""
    finally:
        channel.close()
