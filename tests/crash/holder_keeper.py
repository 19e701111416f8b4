"""A service manager for one button holder: starts it, kills it, keeps its line.

As systemd does it with `FDSTORE=1`: what the holder hands over stays open here, and is
there again, by `LISTEN_FDS`, when the holder is started anew.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Self

from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

# The descriptors begin at 3 and are meant for the process that gets them, whose number
# only it knows.
_LAUNCH = """
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",") if fd]
for place, fd in enumerate(fds):
    os.dup2(fd, 3 + place)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


class HolderKeeper:
    """See the module; a context manager that ends with the holder's end.

    Args:
        config: settings file with `[button] holder`.
        folder: for the notify socket and the log.
    """

    def __init__(self, config: Path, folder: Path) -> None:
        self._config = config
        self._log = (folder / "holder.log").open("ab")
        self._path = folder / "notify.sock"
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self._path))
        self._kept: dict[str, int] = {}
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()
        self._notify.shutdown(socket.SHUT_RDWR)
        self._thread.join(2.0)
        self._notify.close()
        self._log.close()
        for fd in self._kept.values():
            os.close(fd)

    def start(self) -> None:
        """Start the holder with what is kept for it."""
        self._is_ready.clear()
        names, fds = list(self._kept), list(self._kept.values())
        # Away from the places where they are wanted.
        spare = [os.dup(fd) for fd in fds]
        environ = {
            **os.environ,
            "NOTIFY_SOCKET": str(self._path),
            "LISTEN_FDS": str(len(fds)),
            "LISTEN_FDNAMES": ":".join(names),
        }
        numbers = ",".join(str(fd) for fd in spare)
        holder = ["-m", "doorbell.runtime.holder", "--config", str(self._config)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, numbers, *holder],
            pass_fds=spare,
            env=environ,
            stdout=self._log,
            stderr=self._log,
        )
        for fd in spare:
            os.close(fd)

    def ready(self, within_s: float = 10.0) -> None:
        """Wait until it says so."""
        until(self._is_ready.is_set, within_s, "the holder is ready")

    def kill(self) -> None:
        """SIGKILL, at whatever it does just now."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _listen(self) -> None:
        while True:
            data, fds, _, _ = socket.recv_fds(self._notify, 4096, 4)
            if not data:
                return
            words = dict(line.split("=", 1) for line in data.decode().splitlines())
            if words.get("FDSTORE") == "1":
                for fd in fds:
                    self._kept[words["FDNAME"]] = fd
            if words.get("READY") == "1":
                self._is_ready.set()
