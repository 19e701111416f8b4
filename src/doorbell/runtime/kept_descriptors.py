"""Descriptors that systemd keeps while this process is started anew.

The store of sd_notify(3), `FDSTORE=1`: what is in it stays open when the process dies,
and comes back by `LISTEN_FDS` at the next start. It outlives a restart, not a stop.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from doorbell.runtime.sdnotify import SystemdNotifier

# sd_listen_fds(3): the first descriptor handed over.
FIRST_FD = 3
# sd_pid_notify_with_fds(3): the limit on a name, which holds no colon.
NAME_CHARS = 255


class KeptDescriptors:
    """What the service manager keeps for one service.

    Args:
        systemd: the way to it.
        environ: with `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES`.
        pid: ours; what was meant for another process is none of our business.
    """

    def __init__(
        self, systemd: SystemdNotifier, environ: Mapping[str, str], pid: int
    ) -> None:
        self._systemd = systemd
        self._kept: dict[str, int] = {}
        if environ.get("LISTEN_PID") != str(pid):
            return
        names = environ.get("LISTEN_FDNAMES", "").split(":")
        for number, name in enumerate(names[: int(environ.get("LISTEN_FDS", "0"))]):
            # The chime is a program we start, and no friend of the line.
            os.set_inheritable(FIRST_FD + number, False)  # noqa: FBT003 - the standard library's signature
            self._add(name, FIRST_FD + number)

    def _add(self, name: str, fd: int) -> None:
        # Two of one name: killed between keeping and using; both are the same line.
        if name in self._kept:
            os.close(fd)
        else:
            self._kept[name] = fd

    def keep(self, name: str, fd: int) -> None:
        """Have a descriptor kept until `forget_others` of a later life."""
        # Without FDPOLL=0 systemd drops it as soon as it reports an error or hang-up.
        self._systemd.send_descriptor(
            fd, fdstore="1", fdname=_printable(name), fdpoll="0"
        )

    def kept(self, name: str) -> int | None:
        """Give back what an earlier life kept; once."""
        return self._kept.pop(_printable(name), None)

    def forget_others(self) -> None:
        """Let go of what nobody asked for: lines of settings that have changed."""
        for name, fd in self._kept.items():
            self._systemd.send(fdstoreremove="1", fdname=name)
            os.close(fd)
        self._kept.clear()


def _printable(name: str) -> str:
    return "".join(c if " " <= c <= "~" and c != ":" else "_" for c in name)[
        :NAME_CHARS
    ]
