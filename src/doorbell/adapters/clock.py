"""The clocks of this machine, and whether the kernel trusts the one on the wall."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass, field
from pathlib import Path

from doorbell.core.errors import StorageError
from doorbell.core.stamp import NS_PER_S, Stamp

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# systemd-timesyncd touches it when it has set the clock in this boot.
_TIMESYNC_MARK = Path("/run/systemd/timesync/synchronized")
# adjtimex(2): what it returns while STA_UNSYNC is set.
_TIME_ERROR = 5
# struct timex is 208 bytes on 64-bit Linux, less on 32-bit; modes = 0 only reads.
_TIMEX_BYTES = 512
_ASK_AGAIN_NS = NS_PER_S


def kernel_is_synced() -> bool:
    """Ask the kernel; False also where a sandbox forbids asking."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = int(ctypes.CDLL(None, use_errno=True).adjtimex(timex))
    return 0 <= state < _TIME_ERROR


@dataclass(slots=True)
class SystemClock:
    """Both clocks; whether they are synchronised is asked once a second at most.

    Attributes:
        mark: a file whose presence says that the clock was set in this boot.
    """

    mark: Path = _TIMESYNC_MARK
    _boot_id: str = field(init=False)
    _synced: bool = field(default=False, init=False)
    _asked_ns: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        try:
            self._boot_id = _BOOT_ID.read_text("ascii").strip().replace("-", "")
        except OSError as error:
            msg = f"cannot tell boots apart: {error}"
            raise StorageError(msg, hint="/proc must be mounted.") from error

    def mono_ns(self) -> int:
        """CLOCK_MONOTONIC, nanoseconds."""
        return time.monotonic_ns()

    def now(self) -> Stamp:
        """This instant."""
        mono_ns = time.monotonic_ns()
        return Stamp(self._boot_id, mono_ns, time.time_ns(), self._is_synced(mono_ns))

    def _is_synced(self, mono_ns: int) -> bool:
        if self._asked_ns is None or mono_ns - self._asked_ns >= _ASK_AGAIN_NS:
            self._asked_ns = mono_ns
            self._synced = kernel_is_synced() or self.mark.exists()
        return self._synced
