"""The listening sockets of the application port: systemd's, or one of our own.

Held by the supervisor, so that connections wait in the kernel while the web process
is restarted, and, when it is systemd's, while one slot takes over from the other.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from doorbell.core.errors import BadSettingsError, DoorbellError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

# sd_listen_fds(3): the first descriptor handed over.
FIRST_FD = 3
# What the unit may call its sockets (`FileDescriptorName=`); none is its own name.
NAMES = frozenset({"http", "doorbell-http.socket", ""})
BACKLOG = 128


def inherited_fds(environ: Mapping[str, str], pid: int) -> list[int]:
    """Return the descriptors that the service manager handed over to serve HTTP on.

    Args:
        environ: with `LISTEN_PID`, `LISTEN_FDS` and, if they have names,
            `LISTEN_FDNAMES`.
        pid: ours; what was meant for another process is none of our business.
    """
    if environ.get("LISTEN_PID") != str(pid):
        return []
    count = environ.get("LISTEN_FDS", "0")
    if not count.isdecimal():
        return []
    fds = range(FIRST_FD, FIRST_FD + int(count))
    given = environ.get("LISTEN_FDNAMES", "")
    names = given.split(":") if given else [""] * len(fds)
    return [fd for fd, name in zip(fds, names, strict=False) if name in NAMES]


def http_sockets(listen: str, environ: Mapping[str, str]) -> list[socket.socket]:
    """Return the sockets to serve HTTP on.

    Args:
        listen: `ADDRESS:PORT`, for when none was handed over.
        environ: as the service manager set it.

    Raises:
        UnavailableError: the address is in use.
        BadSettingsError: it is not one of this machine's.
    """
    fds = inherited_fds(environ, os.getpid())
    return [_adopted(fd) for fd in fds] or [bound(listen)]


def _adopted(fd: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=os.dup(fd))
    except OSError as error:
        msg = f"descriptor {fd} of the service manager is no socket"
        raise BadSettingsError(msg) from error
    sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return sock


def bound(listen: str) -> socket.socket:
    """Listen at `ADDRESS:PORT`.

    Raises:
        UnavailableError: somebody else listens there.
        BadSettingsError: there is no such address here, or we may not use the port.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, int(port)))
        sock.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        sock.close()
        raise _refused(listen, error) from error
    sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return sock


def _refused(listen: str, error: OSError | OverflowError) -> DoorbellError:
    msg = f"cannot listen at {listen}: {getattr(error, 'strerror', None) or error}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        hint = "Another program has this port: `ss -ltnp` shows which."
        return UnavailableError(msg, hint=hint)
    return BadSettingsError(msg, hint="Change [web] listen.")
