"""A program that sounds in the house. For a relay see `gpio_lines.OutputPulse`.

Nobody waits for it: it is started, and looked after from the loop's turns.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass, field

from doorbell.core.errors import UnavailableError
from doorbell.core.stamp import NS_PER_S

_LOOK_AGAIN_S = 0.25
# After SIGKILL only a process stuck in the kernel is still there; it is left behind.
_REAP_S = 1.0


@dataclass(slots=True)
class CommandChime:
    """One program at a time: a thousand rings a minute start no thousand programs.

    Attributes:
        command: program and arguments.
        timeout_s: it is killed, with all it started, after so many seconds.
    """

    command: list[str]
    timeout_s: float
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _until_ns: int = field(default=0, init=False)

    def start(self, now_ns: int) -> bool:
        """Start the program, unless it still sounds."""
        if self.turn(now_ns) is not None:
            return False
        try:
            # A session of its own: what it starts can be killed with it.
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            msg = f"the chime {self.command[0]!r} cannot be started: {error}"
            hint = (
                "Correct `[chime] command`; the program must be on the daemon's PATH."
            )
            raise UnavailableError(msg, hint=hint) from error
        self._until_ns = now_ns + int(self.timeout_s * NS_PER_S)
        return True

    def turn(self, now_ns: int) -> float | None:
        """Take leave of it when it ends, or end it when its time is over."""
        if self._process is None:
            return None
        if self._process.poll() is not None:
            self._process = None
            return None
        if now_ns >= self._until_ns:
            self._kill(self._process)
            return None
        return min((self._until_ns - now_ns) / NS_PER_S, _LOOK_AGAIN_S)

    def close(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._kill(self._process)

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        self._process = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_REAP_S)


@dataclass(slots=True)
class Silence:
    """No chime is wired."""

    def start(self, now_ns: int) -> bool:
        """Do nothing, and say so."""
        del now_ns
        return False

    def turn(self, now_ns: int) -> float | None:
        """Nothing ever goes on."""
        del now_ns
        return None

    def close(self) -> None:
        """There is nothing to let go of."""
