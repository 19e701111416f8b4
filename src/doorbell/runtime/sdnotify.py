"""Tell systemd how the service is doing, if systemd started it.

The protocol is one datagram of `KEY=value` lines to `$NOTIFY_SOCKET`; see
sd_notify(3). Sending never blocks and never fails: a daemon must not end because
nobody listens.
"""

from __future__ import annotations

import array
import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class SystemdNotifier:
    """The way to the service manager; silent where there is none."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        # systemd asks for a ping in this time; half of it leaves room for a slow turn.
        self.watchdog_s = int(environ.get("WATCHDOG_USEC", "0")) / 2e6

    @property
    def is_service(self) -> bool:
        """Whether a service manager listens."""
        return bool(self._address)

    def send(self, **values: str) -> None:
        """Send the given keys, upper-cased, in one datagram."""
        self._send([], values)

    def send_descriptor(self, fd: int, **values: str) -> None:
        """Send the same, and a descriptor with it."""
        self._send([fd], values)

    def _send(self, fds: list[int], values: Mapping[str, str]) -> None:
        if not self._address:
            return
        text = "\n".join(f"{key.upper()}={value}" for key, value in values.items())
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
        ):
            sock.setblocking(False)  # noqa: FBT003 - the library's signature
            sock.sendmsg([text.encode()], rights if fds else [], 0, self._address)
