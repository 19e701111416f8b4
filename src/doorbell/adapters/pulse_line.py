"""An output line that is on for a while after a ring, without a library.

What `gpio_lines.OutputPulse` is to the worker, this is to the button holder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from doorbell.adapters import gpio_chardev as chardev
from doorbell.core.errors import HardwareAbsentError
from doorbell.core.stamp import NS_PER_S


@dataclass(slots=True)
class LinePulse:
    """See `ports.signal.Signal`: a relay's chime, or a light.

    Attributes:
        pin: BCM number.
        on_s: how long, seconds.
        extends: a ring while it is on begins the time anew, as a light should; a
            relay's gong needs the line to fall first.
    """

    pin: int
    on_s: float
    extends: bool = False
    _line_fd: int = field(default=-1, init=False)
    _until_ns: int = field(default=0, init=False)

    def start(self, now_ns: int) -> bool:
        """Switch on; takes the line with the first ring if it was not there before."""
        if self._until_ns and not self.extends:
            return False
        if self._line_fd < 0:
            self._line_fd = chardev.take(self.pin, chardev.OUTPUT)
        self._drive(active=True)
        self._until_ns = now_ns + int(self.on_s * NS_PER_S)
        return True

    def turn(self, now_ns: int) -> float | None:
        """Switch off in time."""
        if not self._until_ns:
            return None
        if now_ns < self._until_ns:
            return (self._until_ns - now_ns) / NS_PER_S
        self._until_ns = 0
        self._drive(active=False)
        return None

    def close(self) -> None:
        """Switch off and release the line."""
        if self._line_fd >= 0:
            try:
                self._drive(active=False)
            except HardwareAbsentError:
                pass  # Its chip is gone, and with it what it drove.
            else:
                os.close(self._line_fd)
        self._line_fd, self._until_ns = -1, 0

    def _drive(self, *, active: bool) -> None:
        try:
            chardev.set_active(self._line_fd, active=active)
        except OSError as error:
            os.close(self._line_fd)
            self._line_fd = -1
            msg = f"GPIO{self.pin} cannot be driven: {error.strerror}"
            raise HardwareAbsentError(msg) from error
