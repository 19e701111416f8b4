"""A client of the application port, and a doorstep that has one."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from doorstep import Doorstep

from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from doorbell.testing.sink import Sink

JSON = {"Content-Type": "application/json"}
# sd_listen_fds(3), without systemd.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="http")
os.execv(sys.argv[2], sys.argv[2:])
"""
PROBLEM = {"error_id", "error_code", "message", "timestamp", "details"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: Any

    @property
    def is_problem(self) -> bool:
        """Whether it has the shape that every error has."""
        kind = self.headers["Content-Type"]
        shaped = isinstance(self.body, dict) and self.body.keys() >= PROBLEM
        return kind == "application/problem+json" and shaped


@dataclass
class HttpCaller:
    """Asks at a port with a token."""

    port: int
    token: str = ""
    within_s: float = 10.0

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        shown = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.within_s)
        ) as connection:
            connection.request(method, path, body, {**shown, **(headers or {})})
            got = connection.getresponse()
            return Answer(got.status, got.headers, json.loads(got.read() or b"null"))

    def get_text(self, path: str) -> str:
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.within_s)
        ) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def say(self, raw: bytes) -> bytes:
        """Send bytes as they are; return what comes until the end."""
        with socket.create_connection(("127.0.0.1", self.port), self.within_s) as sock:
            sock.sendall(raw)
            return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    """Return what comes until the peer hangs up, however it does."""
    content = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(65536):
            content += chunk
    return content


def free_port() -> int:
    """A port nobody listens at now."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


class HttpDoorstep(Doorstep):
    """A doorstep with a web process."""

    def __init__(self, folder: Path, sink: Sink, **more: object) -> None:
        super().__init__(folder, sink)
        self.port = free_port()
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
        self.write_settings(
            f'[web]\nenabled = true\nlisten = "127.0.0.1:{self.port}"\n{lines}'
            f"{self.target()}"
        )
        self.operations_port = free_port()
        old, new = "127.0.0.1:0", f"127.0.0.1:{self.operations_port}"
        self.change(f'listen = "{old}"', f'listen = "{new}"')

    def start_with(self, listening: socket.socket) -> None:
        """Start as the service manager does: the socket is descriptor 3."""
        command = [sys.executable, "-c", HAND_OVER, str(listening.fileno())]
        command += [sys.executable, "-m", "doorbell.cli.main"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--config", str(self.config), "run"],
                stdout=log,
                stderr=log,
                pass_fds=(listening.fileno(),),
                start_new_session=True,
            )

    def metrics(self) -> str:
        """What Prometheus reads."""
        return HttpCaller(self.operations_port).get_text("/metrics")

    def serving(self) -> HttpCaller:
        """Wait until the web process runs; return a caller with its token."""
        until(lambda: self.is_up("web"), 25.0, "web")
        return HttpCaller(self.port, (self.state / "web.token").read_text().strip())
