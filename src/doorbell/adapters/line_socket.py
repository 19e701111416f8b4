"""A line without a GPIO chip: a socket that takes what a kernel would tell.

With `[button] source = "mock"` the button holder listens here. Each datagram is one
edge, as the kernel writes it; the socket keeps them while nobody reads, as a line does,
and is handed to the service manager like one. `doorbell.testing.button.LineFinger`
presses it.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class SocketLine:
    """See `button_line.LineSource`.

    Attributes:
        path: the socket, mode 0600; one that is there is a leftover.
    """

    path: Path

    @property
    def name(self) -> str:
        """What it is."""
        return f"mock line, pressed through {self.path}"

    def take(self) -> int:
        """Listen."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        unready = self.path.with_name(self.path.name + ".new")
        try:
            unready.unlink(missing_ok=True)
            sock.bind(str(unready))
            unready.chmod(0o600)
            # Bound under another name until only we can write to it.
            unready.rename(self.path)
        except OSError as error:
            sock.close()
            msg = f"cannot make the mock line {self.path}: {error}"
            raise UnavailableError(msg) from error
        return sock.detach()

    def is_active(self, line_fd: int) -> bool | None:
        """Only the edges tell."""
        del line_fd
        return None
