"""Wait on a condition with a deadline, in place of sleeping and hoping."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

POLL_S = 0.05


def until(holds: Callable[[], T], within_s: float = 6.0, what: str = "") -> T:
    """Ask again and again; returns the first answer that is true.

    Raises:
        AssertionError: none was, in time.
    """
    deadline_s = time.monotonic() + within_s
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > deadline_s:
            msg = f"not within {within_s} s: {what or holds}"
            raise AssertionError(msg)
        time.sleep(POLL_S)
