"""A real daemon in a folder of its own, to be measured from outside.

Its processes, journal and database are those of `doorbell run`; the button is the
mock of gpiozero, the camera shows a folder.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from config.loader import load
from doorbell.core.errors import DoorbellError, UnavailableError
from doorbell.runtime import replies
from doorbell.runtime import requests as r
from doorbell.runtime.client import open_connection
from doorbell.testing.button import press

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

READY_S = 90.0
STOP_S = 15.0
POLL_S = 0.05
HELD_MS = 60
LAST_WORDS = 2000  # characters of the log
SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class Site:
    """What is set up around the daemon.

    Attributes:
        porch: folder with the pictures the camera shows.
        target: address that is told.
        width: of the camera, pixels.
        height: of the camera, pixels.
        rate_fps: None for the default.
        anticipate: look at the porch before anybody rings.
        models: folder of models; empty for the daemon's own.
        more: sections besides.
    """

    porch: Path
    target: str
    engine: str = "dlib"
    width: int = 1280
    height: int = 720
    rate_fps: float | None = None
    merge_s: float = 0.0
    anticipate: bool = True
    models: str = ""
    more: str = ""

    def settings(self, state: Path) -> str:
        """Return the settings file."""
        rate = "" if self.rate_fps is None else f"rate_fps = {self.rate_fps}"
        return f"""
profile = "testing"
[storage]
dir = "{state}"
[button]
source = "mock"
merge_s = {self.merge_s}
[camera]
source = "folder:{self.porch}"
width = {self.width}
height = {self.height}
{rate}
[vision]
engine = "{self.engine}"
anticipate = {str(self.anticipate).lower()}
models_dir = "{self.models}"
[operations]
listen = "127.0.0.1:0"
[log]
level = "error"
[[notify.targets]]
name = "phone"
url = "{self.target}"
{self.more}
"""


class Trial:
    """One daemon; started and stopped as a context manager.

    Args:
        folder: for its settings, state and log; gone with its owner.
        site: what is around it.
        environ: of the daemon.
        needed: roles that must run before it counts as started; None for all of them
            and the camera.
    """

    def __init__(
        self,
        folder: Path,
        site: Site,
        environ: Mapping[str, str] | None = None,
        needed: frozenset[str] | None = None,
    ) -> None:
        self.folder = folder
        self.site = site
        self.state = folder / "state"
        self._needed = needed
        self._environ = dict(os.environ if environ is None else environ)
        self._log = folder / "daemon.log"
        file = folder / "doorbell.toml"
        file.write_text(site.settings(self.state))
        self.settings = load(file, {})
        self._command = [sys.executable, "-m", "doorbell.cli.main"]
        self._command += ["--config", str(file), "run"]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start, and wait until every process works and the camera shows something.

        Raises:
            UnavailableError: it ended, or takes too long; says its last words.
        """
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C is ours, and we end it in order.
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                env=self._environ,
                start_new_session=True,
            )
        try:
            self._until_ready(self._process)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it in order; kill it if it does not."""
        self._stop()

    def _until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline_s = time.monotonic() + READY_S
        while not self._is_ready():
            if process.poll() is not None or time.monotonic() > deadline_s:
                msg = f"the daemon to be measured did not start: {self._tail()}"
                raise UnavailableError(msg)
            time.sleep(POLL_S)

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-LAST_WORDS:]

    def _is_ready(self) -> bool:
        if not (self.state / "control.sock").exists():
            return False
        try:
            status = self.status()
        except DoorbellError:
            return False
        wanted = [
            worker.state == "running"
            for worker in status.workers
            if self._needed is None or worker.role in self._needed
        ]
        sees = self._needed is not None or status.camera.startswith("ok")
        return bool(wanted) and all(wanted) and sees

    def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
        finally:
            # Also when a second Ctrl-C ends the wait.
            process.kill()
            process.wait()

    def ask(
        self, request: r.Request, fds: Sequence[int] = ()
    ) -> Iterator[replies.Reply]:
        """Ask the daemon, leaving aside what comes as descriptors."""
        with open_connection(self.settings, roles=frozenset()) as connection:
            for reply, received in connection.ask(request, fds):
                for fd in received:
                    os.close(fd)
                yield reply

    def status(self) -> replies.Status:
        """Ask how it is doing.

        Raises:
            UnavailableError: it does not answer.
        """
        for reply in self.ask(r.ShowStatus()):
            if isinstance(reply, replies.Status):
                return reply
        msg = "the daemon did not say how it is doing"
        raise UnavailableError(msg)

    def pids(self) -> dict[str, int]:
        """Return its processes by role, the supervisor first.

        Raises:
            UnavailableError: one of them is not running now.
        """
        process = self._process
        found = {SUPERVISOR: process.pid} if process is not None else {}
        for worker in self.status().workers:
            if not worker.pid:
                msg = f"the {worker.role} process died: {worker.detail}\n{self._tail()}"
                raise UnavailableError(msg)
            found[worker.role] = worker.pid
        return found

    def enrol(self, name: str, photos: Sequence[Path]) -> None:
        """Enrol a person as `doorbell enrol` does.

        Raises:
            UnavailableError: a photograph was refused.
        """
        with open_connection(self.settings, roles=frozenset()) as hub:
            for _ in hub.ask(r.EnrolBegin(name=name, consent="measurement")):
                pass
            for photo in photos:
                with photo.open("rb") as file:
                    for reply, _ in hub.ask(
                        r.EnrolPhoto(label=photo.name), [file.fileno()]
                    ):
                        if (
                            isinstance(reply, replies.PhotoJudged)
                            and not reply.accepted
                        ):
                            msg = f"{photo.name} was refused: {reply.reason}"
                            raise UnavailableError(msg)
            for _ in hub.ask(r.EnrolCommit()):
                pass

    def press(self) -> None:
        """Press the button; returns at once."""
        press(self.state / "run" / "button.sock", HELD_MS)

    def visit(self, visit_id: str) -> replies.VisitView | None:
        """Return a visit as it is stored; None without one."""
        for reply in self.ask(r.ShowVisit(visit=visit_id)):
            if isinstance(reply, replies.Visit):
                return reply.view
        return None
