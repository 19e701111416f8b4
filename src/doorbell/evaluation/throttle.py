"""Make this machine as slow as a smaller one: let processes run a share of the time.

SIGSTOP and SIGCONT by turns, fifty times a second, all processes in the same phase:
what runs at the same time on a Pi's four cores shares the cores of this machine. Memory
and disk stay as fast as they are, so that this is a stand-in and no Raspberry Pi.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import TracebackType

PERIOD_S = 0.02
LEAST_SHARE = 0.02
JOIN_S = 5.0


class Throttle:
    """While it is entered, these processes run for a share of the time.

    Args:
        pids: of our own processes.
        share: of the time, 0..1.
    """

    def __init__(self, pids: Collection[int], share: float) -> None:
        self._pids = tuple(pids)
        self._run_s = max(LEAST_SHARE, min(1.0, share)) * PERIOD_S
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._turn, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let them run again."""
        self._end.set()
        self._thread.join(JOIN_S)
        self._send(signal.SIGCONT)

    def _turn(self) -> None:
        while not self._end.is_set():
            self._send(signal.SIGCONT)
            self._end.wait(self._run_s)
            self._send(signal.SIGSTOP)
            self._end.wait(PERIOD_S - self._run_s)

    def _send(self, number: signal.Signals) -> None:
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
