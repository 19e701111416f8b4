"""A witness on a port: `doorbell audit witness`, on a machine that has no doorbell."""

from __future__ import annotations

import http.server
import logging
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from monitoring.logging.audit_witness import Answer
from monitoring.logging.checkpoint import MAX_NOTE_BYTES, CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitoring.logging.audit_witness import Witness

log = logging.getLogger("doorbell.witness")

# Of one request: a slow or silent peer must not hold a thread.
TIMEOUT_S = 10.0
MAX_BODY = MAX_NOTE_BYTES


class WitnessServer(http.server.ThreadingHTTPServer):
    """Takes checkpoints over HTTP.

    Args:
        address: host and port.
        witness: decides.
        alarm: called with each thing that somebody must look at.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        witness: Witness,
        alarm: Callable[[str], None] = lambda _: None,
    ) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.witness = witness
        self.alarm = alarm
        super().__init__(address, _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    server: WitnessServer
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_S

    def do_POST(self) -> None:
        """Take a checkpoint."""
        if self.path != "/add-checkpoint":
            self._send(Answer(HTTPStatus.NOT_FOUND, "POST /add-checkpoint\n"))
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            self._send(Answer(HTTPStatus.BAD_REQUEST, "no such long checkpoint\n"))
            return
        body = self.rfile.read(int(length)).decode("utf-8", errors="replace")
        try:
            answer = self.server.witness.add_checkpoint(body)
        except (OSError, CheckpointError):
            log.exception("witness_failed")
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "see the log here\n")
        if answer.alarm:
            log.error("log_inconsistent", extra={"alarm": answer.alarm})
            self.server.alarm(answer.alarm)
        self._send(answer)

    def do_GET(self) -> None:
        """Show the last checkpoint of a log: `/checkpoint?origin=…`."""
        parts = urlsplit(self.path)
        origins = parse_qs(parts.query).get("origin", [])
        if parts.path != "/checkpoint" or len(origins) != 1:
            hint = "GET /checkpoint?origin=ORIGIN\n"
            self._send(Answer(HTTPStatus.NOT_FOUND, hint))
            return
        try:
            self._send(self.server.witness.checkpoint(origins[0]))
        except (OSError, CheckpointError):
            log.exception("witness_failed")
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            self._send(Answer(status, "see the log here\n"))

    def _send(self, answer: Answer) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Log as everything else does."""
        log.debug("request", extra={"line": format % args})
