"""This instant by both clocks, for programs that have no clock of the daemon's."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# systemd-timesyncd touches it when it has set the clock in this boot.
_TIMESYNC_MARK = Path("/run/systemd/timesync/synchronized")
# adjtimex(2): what it returns while STA_UNSYNC is set.
_TIME_ERROR = 5
# struct timex is 208 bytes on 64-bit Linux, less on 32-bit; modes = 0 only reads.
_TIMEX_BYTES = 512


@dataclass(frozen=True, slots=True)
class SystemInstant:
    """One instant; see `chain.Instant`."""

    boot_id: str
    mono_ns: int
    wall_ns: int
    synced: bool


def now() -> SystemInstant:
    """This instant."""
    return SystemInstant(_boot_id(), time.monotonic_ns(), time.time_ns(), _is_synced())


@cache
def _boot_id() -> str:
    return _BOOT_ID.read_text("ascii").strip().replace("-", "")


def _is_synced() -> bool:
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = int(ctypes.CDLL(None, use_errno=True).adjtimex(timex))
    return 0 <= state < _TIME_ERROR or _TIMESYNC_MARK.exists()
