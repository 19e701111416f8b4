"""Starts and kills a network camera for tests: a program of its own, by path."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

# GStreamer's bindings come with the system and are not on PyPI.
SYSTEM_PYTHON = "/usr/bin/python3"
PACKAGES = (
    "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base "
    "gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly"
)
_PROBE_S = 20.0
_END_S = 5.0


def why_no_server(program: Path) -> str:
    """Return why the server cannot run here; empty if it can."""
    try:
        subprocess.run(
            [SYSTEM_PYTHON, str(program), "--probe"],
            check=True,
            capture_output=True,
            timeout=_PROBE_S,
        )
    except (OSError, subprocess.SubprocessError):
        return f"no GStreamer rtsp server: apt install {PACKAGES}"
    return ""


class RtspServer:
    """The server, on a port that stays the same when it is started again."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._port = "0"
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where the picture is, once it was started."""
        return f"rtsp://127.0.0.1:{self._port}/door"

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            RuntimeError: it ended instead.
        """
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, str(self._program), self._port],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self.kill()
            msg = "the rtsp server did not start"
            raise RuntimeError(msg)
        self._port = line.strip()

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        process, self._process = self._process, None
        if process is not None:
            with process:
                process.kill()
                process.wait(_END_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
