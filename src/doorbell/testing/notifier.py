"""A notifier that does what its script says."""

from __future__ import annotations

import threading
from typing import Final

from doorbell.ports.notifier import Answer, Outcome, Push

_ANSWERS: Final[dict[str, Answer]] = {
    "ok": Answer(Outcome.SENT),
    "fail": Answer(Outcome.RETRY, "scripted failure"),
    "429": Answer(Outcome.RETRY, "HTTP 429", 7.0),
    "500": Answer(Outcome.RETRY, "HTTP 500"),
    "refuse": Answer(Outcome.REFUSED, "HTTP 401"),
}


class FakeNotifier:
    """Answers word by word, then `ok` for ever.

    Words: `ok`, `fail`, `429`, `500`, `refuse`, `hang` (until `release`, whatever the
    timeout, as a library that ignores it does), `raise` (a bug in the adapter).

    Attributes:
        pushes: what it was given, in order, also when it failed.
    """

    def __init__(self, script: str = "", *, can_replace: bool = False) -> None:
        self.can_replace = can_replace
        self.pushes: list[Push] = []
        self._words = script.split()
        unknown = set(self._words) - {*_ANSWERS, "hang", "raise"}
        if unknown:
            msg = f"no such words: {sorted(unknown)}"
            raise ValueError(msg)
        self._released = threading.Event()
        self._changed = threading.Condition()

    def send(self, push: Push, timeout_s: float) -> Answer:
        """Do the next word."""
        del timeout_s
        with self._changed:
            self.pushes.append(push)
            word = self._words.pop(0) if self._words else "ok"
            self._changed.notify_all()
        if word == "hang":
            self._released.wait()
            return Answer(Outcome.SENT, "after all")
        if word == "raise":
            msg = "scripted bug"
            raise RuntimeError(msg)
        return _ANSWERS[word]

    def release(self) -> None:
        """Let everything that hangs go on, now and later."""
        self._released.set()

    def wait_for(self, count: int, within_s: float = 5.0) -> bool:
        """Wait until `count` pushes have arrived; whether they did in time."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.pushes) >= count, within_s)

    def keys(self) -> list[str]:
        """Idempotency keys in the order of arrival."""
        return [push.key for push in self.pushes]
