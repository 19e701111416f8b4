"""Which descriptors a test left open."""

from __future__ import annotations

import gc
import os
from collections import Counter
from contextlib import suppress


def open_files() -> Counter[str]:
    """What is open now, by what it is: numbers are used again.

    What an earlier test left for the collector is closed first, or it would be closed
    in the middle of this one.
    """
    gc.collect()
    found: Counter[str] = Counter()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names alone
        with suppress(FileNotFoundError):  # the descriptor of this very list
            found[os.readlink(f"/proc/self/fd/{number}")] += 1  # noqa: PTH115 - no path
    return found


def left_open(before: Counter[str]) -> Counter[str]:
    """What is open now and was not then."""
    return open_files() - before
