"""A real daemon in a folder of its own: real processes, fake hardware."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import cv2

from config.loader import load
from doorbell.core.decision import Box
from doorbell.runtime import replies
from doorbell.runtime import requests as r
from doorbell.runtime.client import Connection, control_path
from doorbell.testing.button import press
from doorbell.testing.faces import Marker, scene
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorbell.testing.sink import Sink

SIZE = (640, 360)
FACE = Box(220, 80, 160, 160)
ANNA, BEN, STRANGER = 0.0, 120.0, 240.0


class Doorstep:
    """One installed doorbell: settings, a porch to show, a daemon to start and kill."""

    def __init__(self, folder: Path, sink: Sink, extra: str = "") -> None:
        self.folder = folder
        self.sink = sink
        self.porch = folder / "porch"
        self.porch.mkdir(exist_ok=True)
        self.state = folder / "state"
        self.config = folder / "doorbell.toml"
        self.log = folder / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.write_settings(extra)
        self.paint("nobody")
        self.paint("anna", ANNA)
        self.paint("ben", BEN)
        self.paint("stranger", STRANGER)
        self.show("nobody")

    def write_settings(self, extra: str) -> None:
        self.config.write_text(f"""
profile = "testing"
[storage]
dir = "{self.state}"
[button]
source = "mock"
merge_s = 0.3
[camera]
source = "folder:{self.porch}"
width = {SIZE[0]}
height = {SIZE[1]}
rate_fps = 20.0
preroll_s = 0.5
[vision]
engine = "fake"
[supervision]
backoff_s = 0.1
progress_timeout_s = 1.5
grace_s = 3.0
[operations]
listen = "127.0.0.1:0"
[synthetic]
every_s = 0.0
[log]
level = "info"
format = "json"
{extra or self.target()}
""")
        self.settings = load(self.config, {})

    def change(self, old: str, new: str) -> None:
        """Replace a line of the settings file."""
        text = self.config.read_text()
        assert old in text, old
        self.config.write_text(text.replace(old, new))
        self.settings = load(self.config, {})

    def target(self, **more: str) -> str:
        lines = "".join(f"{key} = {value}\n" for key, value in more.items())
        return f"""
[notify]
deadline_s = 1.0
retry_first_s = 0.2
retry_max_s = 1.0
[[notify.targets]]
name = "phone"
url = "json://{self.sink.address}/"
timeout_s = 2.0
{lines}"""

    def paint(self, name: str, *hues: float) -> None:
        markers = [
            Marker(hue, Box(FACE.x + 180 * i - 90 * (len(hues) - 1), FACE.y, 160, 160))
            for i, hue in enumerate(hues)
        ]
        rgb = scene(*SIZE, markers)
        for marker in markers:
            # Stripes of the same hue, so that the squares count as sharp.
            box = marker.box
            stripes = rgb[box.y : box.y + box.h, box.x : box.x + box.w]
            for x in range(0, box.w, 16):
                stripes[:, x : x + 8] = stripes[:, x : x + 8] // 5 * 3
        cv2.imwrite(str(self.porch / f"{name}.png"), rgb[..., ::-1])

    def show(self, name: str) -> None:
        (self.porch / "scene.txt").write_text(f"{name}.png")

    def stand(self, name: str) -> None:
        """Show a scene long enough that the whole pre-roll is of it."""
        self.show(name)
        time.sleep(0.8)  # the pre-roll's own length, and a frame

    def start(self, **environ: str) -> None:
        log = self.log.open("ab")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "doorbell.cli.main",
                "--config",
                str(self.config),
                "run",
            ],
            stdout=log,
            stderr=log,
            env={**os.environ, **environ},
            start_new_session=True,
        )
        log.close()

    def ready(self) -> None:
        roles = ("button", "notify", "capture", "vision")
        until(lambda: self.is_up(*roles), 25.0, "ready")

    def is_up(self, *roles: str) -> bool:
        status = self.status()
        if status is None:
            return False
        up = {worker.role for worker in status.workers if worker.state == "running"}
        return set(roles) <= up and status.camera.startswith("ok")

    def status(self) -> replies.Status | None:
        if not control_path(self.settings).exists():
            return None
        try:
            return next(self.ask(r.ShowStatus()))
        except Exception:  # noqa: BLE001 - not up yet, however it shows
            return None

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        """Connect to the daemon; never be one, as a command would without it."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            sock.connect(str(control_path(self.settings)))
        except OSError:
            sock.close()
            raise
        with contextlib.closing(Connection(sock)) as connection:
            yield connection

    def ask(self, request: r.Request) -> Iterator[Any]:
        with self.connection() as connection:
            for reply, fds in connection.ask(request):
                for fd in fds:
                    os.close(fd)
                yield reply

    def pid(self, role: str) -> int:
        status = self.status()
        assert status is not None
        return next(worker.pid for worker in status.workers if worker.role == role)

    def enrol(self, name: str, scene_name: str) -> None:
        with self.connection() as connection:
            list(connection.ask(r.EnrolBegin(name=name, consent="test")))
            for _ in range(2):
                with (self.porch / f"{scene_name}.png").open("rb") as photo:
                    for reply, _fds in connection.ask(
                        r.EnrolPhoto(label=scene_name), [photo.fileno()]
                    ):
                        assert reply.accepted, reply.reason
            list(connection.ask(r.EnrolCommit()))

    def press(self, held_ms: int = 60) -> None:
        press(self.state / "run" / "button.sock", held_ms)

    def visits(self) -> list[replies.VisitView]:
        return next(self.ask(r.ListVisits())).views

    def told(self, count: int = 1, within_s: float = 6.0) -> list[str]:
        """Bodies the phone received, once there are this many."""
        assert self.sink.wait_for(count, within_s), self.tail()
        return [one.body.decode() for one in self.sink.received]

    def tail(self) -> str:
        return self.log.read_text()[-4000:]

    def stop(self, within_s: float = 8.0) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        # Workers end with their supervisor; a stopped one is killed by the kernel.
