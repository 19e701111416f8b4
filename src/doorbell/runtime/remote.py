"""A role played by a process that is the service manager's, not the supervisor's.

The supervisor meets it at a socket. It never starts, kills or gives it up: it hangs up
and tries again, for ever, and is quick about it.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from doorbell.core.supervision import RestartPolicy

# A restarted holder is met again within this, and one that is away costs nothing.
RETRY_FIRST_S = 0.05
RETRY_MAX_S = 0.5
# It says that it is ready as soon as it is met; longer is hung.
GREETING_S = 5.0
_NEVER = 1 << 30
_CREDENTIALS = struct.Struct("=3i")


def remote_policy(policy: RestartPolicy) -> RestartPolicy:
    """Return the limits on meeting it: the same patience, and no end of trying."""
    return replace(
        policy,
        start_timeout_s=GREETING_S,
        backoff_s=RETRY_FIRST_S,
        backoff_max_s=RETRY_MAX_S,
        budget=_NEVER,
        budget_window_s=1.0,
    )


@dataclass(slots=True)
class RemoteEnd:
    """Where it is met.

    Attributes:
        address: path of its socket.
        pid: its process id, 0 while it is not met.
    """

    address: str
    pid: int = 0

    def connect(self) -> socket.socket:
        """Meet it.

        Raises:
            OSError: nobody is there.
        """
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            sock.connect(self.address)
            found = sock.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
            )
        except OSError:
            sock.close()
            raise
        self.pid = _CREDENTIALS.unpack(found)[0]
        return sock
