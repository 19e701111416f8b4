"""The heap of this process."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Return to the system what was used and let go; some milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc only
        trim(0)
