"""When a process gives back memory: after work, not between two pieces of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Networks leave up to 40 MB on the heap, which the next look would ask for again.
AFTER_S = 1.0


def nothing() -> None:
    """Nothing is given back."""


class Tidiness:
    """Calls `tidy` once a second passed without work; begins with work done."""

    def __init__(self, tidy: Callable[[], None]) -> None:
        self._tidy = tidy
        self._is_used = True
        self._due_s = math.inf

    def used(self) -> None:
        """Some work was done."""
        self._is_used = True

    def turn(self, now_s: float) -> float:
        """Tidy up if that is due; returns the seconds until it may be."""
        if self._is_used:
            self._is_used = False
            self._due_s = now_s + AFTER_S
        if now_s >= self._due_s:
            self._due_s = math.inf
            self._tidy()
        return self._due_s - now_s
