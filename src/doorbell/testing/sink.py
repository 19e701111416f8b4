"""A real HTTP server that takes notifications and remembers them.

Counts by idempotency key, as a receiver should: a resend is one message.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class Received:
    """One request; header names in lower case.

    Attributes:
        mono_ns: monotonic time at which it was complete; its answer follows at once.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    mono_ns: int = 0

    @property
    def key(self) -> str:
        """Its idempotency key; empty without one."""
        return self.headers.get("idempotency-key", "")


class Sink:
    """Serves on a free port of the loopback while used as a context manager.

    Script, one word a request, then 200 for ever: a status (`200`, `429`), a status
    with a wish (`429:7` sends `Retry-After: 7`), `302` (to itself), `hang` (no answer
    until the sink closes), `cut` (the connection ends without an answer).
    """

    def __init__(self, script: str = "", port: int = 0) -> None:
        self.received: list[Received] = []
        self._words = script.split()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", port), _handler_of(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`, to follow a scheme."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def keys(self) -> set[str]:
        """Distinct idempotency keys, without that of requests that bore none."""
        with self._changed:
            return {one.key for one in self.received} - {""}

    def wait_for(self, count: int, within_s: float = 5.0) -> bool:
        """Wait until `count` requests have arrived; whether they did in time."""
        return self.wait_until(lambda received: len(received) >= count, within_s)

    def wait_until(
        self, holds: Callable[[Sequence[Received]], bool], within_s: float = 5.0
    ) -> bool:
        """Wait until what has arrived is as wanted; whether it was in time."""
        with self._changed:
            return self._changed.wait_for(lambda: holds(self.received), within_s)

    def forget(self) -> None:
        """Forget what has arrived so far."""
        with self._changed:
            self.received.clear()

    def take(self, request: Received) -> str:
        """Remember a request and return the word to answer it by."""
        with self._changed:
            self.received.append(request)
            self._changed.notify_all()
            return self._words.pop(0) if self._words else "200"

    def hang(self) -> None:
        """Block until the sink closes."""
        self._closing.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that went away; they are part of the script."""


def _handler_of(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            at_ns = time.monotonic_ns()
            request = Received(self.command, self.path, headers, body, at_ns)
            self._answer(sink.take(request))

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - names http.server asks for

        def _answer(self, word: str) -> None:
            if word == "hang":
                sink.hang()
            if word in {"hang", "cut"}:
                self.close_connection = True
                return
            status, _, wish = word.partition(":")
            self.send_response(int(status))
            if wish:
                self.send_header("Retry-After", wish)
            if status.startswith("3"):
                self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in http.server
            pass

    return Handler
