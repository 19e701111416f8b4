"""One slow call on a thread of its own, so that a stage's loop keeps turning.

For devices whose opening and closing may take seconds: meanwhile messages are
answered and beats are sent.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Errand:
    """A call under way; starts at once."""

    def __init__(self, call: Callable[[], str], now_s: float) -> None:
        """Start.

        Args:
            call: what to do; whatever it raises is kept for `result`.
            now_s: monotonic seconds, remembered as `since_s`.
        """
        self.since_s = now_s
        self._call = call
        self._answer = ""
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def is_done(self) -> bool:
        """Whether `result` would answer at once."""
        return not self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        """Wait for the end, but no longer than this."""
        self._thread.join(timeout_s)

    def result(self) -> str:
        """Return what the call returned, or raise what it raised."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._answer

    def _run(self) -> None:
        try:
            self._answer = self._call()
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
            self._failure = error
