"""The image of Dockerfile.production, built and run: a ring is pushed from it.

Slow: the first run makes a small Debian and fetches every locked package.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import image_world
import pytest
from doorstep import Doorstep
from http_caller import HttpCaller, free_port
from image_world import UID, Container, container

from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.image,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(image_world.missing()), reason=image_world.missing()),
]

# Longer than merge_s of the doorstep: another visit.
APART_S = 0.6
TOKEN = "a-token-of-the-operations-port"
# Unpacked; half of it is OpenCV, onnxruntime and numpy.
MOST_MB = 750


class ContainedDoor(Doorstep):
    """A doorstep whose daemon runs in a container."""

    def __init__(self, folder: Path, sink: Sink, within: Container) -> None:
        super().__init__(folder, sink)
        self._within = within
        self.port, self.operations = free_port(), free_port()
        token = folder / "token"
        token.write_text(TOKEN)
        text = self.config.read_text().replace(str(self.state), "/var/lib/doorbell")
        text = text.replace(str(self.porch), "/porch")
        self.config.write_text(
            f'{text}\n[web]\nenabled = true\nlisten = "0.0.0.0:{self.port}"\n'
        )
        # As in compose: both ports leave the container, so they have tokens.
        self.environ = {
            "DOORBELL_OPERATIONS__LISTEN": f"0.0.0.0:{self.operations}",
            "DOORBELL_OPERATIONS__TOKEN_FILE": "/etc/doorbell/token",
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside the daemon, as `docker exec` does."""
        return image_world.beside(self.daemon(), *words)

    def daemon(self) -> int:
        assert self.process is not None
        pid = self.process.pid
        return until(lambda: image_world.daemon_below(pid), 20.0, "the daemon")

    def is_healthy(self, what: str) -> bool:
        return not self.run("health_check.sh", what).returncode

    def begin(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._within.command("doorbell", "run", environ=self.environ),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            for pid in reversed(image_world.pids_below(self.process.pid)):
                os.kill(pid, 9)
            self.process.wait()


@contextmanager
def contained_door(folder: Path, sink: Sink) -> Iterator[ContainedDoor]:
    state = folder / "state"
    state.mkdir()
    os.chown(state, UID, UID)
    volumes = {
        "/var/lib/doorbell": state,
        "/etc/doorbell": folder,
        "/porch": folder / "porch",
    }
    (folder / "porch").mkdir()
    for one in (folder, folder / "porch", *folder.parents[:3]):
        one.chmod(one.stat().st_mode | 0o055)
    with container(volumes) as within:
        door = ContainedDoor(folder, sink, within)
        try:
            yield door
        finally:
            door.end()


def test_the_image_says_who_runs_it_and_how_to_ask_it() -> None:
    config = image_world.described(image_world.built_image())["config"]
    assert config["User"] == f"{UID}:{UID}"
    assert config["Entrypoint"] == ["doorbell"]
    assert config["Cmd"] == ["run"]
    assert config["Healthcheck"]["Test"][-2:] == ["health_check.sh", "live"]
    assert list(config["Volumes"]) == ["/var/lib/doorbell"]


def test_the_image_is_no_larger_than_it_has_to_be(
    record_property: pytest.RecordProperty,
) -> None:
    with container({}) as within:
        size_mb = within.size_mb()
        record_property("image_mb", size_mb)
        print(f"image: {size_mb} MB")  # noqa: T201 - a measure to report
        assert size_mb < MOST_MB
        within.run("sh", "-c", "! command -v gcc && ! ls /opt/doorbell/bin/pip*")


def test_every_library_of_every_process_loads() -> None:
    names = "cv2, dlib, onnxruntime, numpy, PIL, pillow_heif, apprise, lgpio, gpiozero"
    names += ", starlette, uvicorn, cryptography, msgspec"
    with container({}) as within:
        # lgpio writes where it stands; as a daemon that is the state's volume.
        within.run("sh", "-c", f"cd /tmp && python -c 'import {names}'")
        said = within.run("sh", "-c", "touch /probe 2>&1; id -u")
        assert "Read-only" in said
        assert said.split()[-1] == str(UID)


def test_a_ring_in_the_container_is_pushed_and_its_health_is_told(
    tmp_path: Path,
) -> None:
    with Sink() as sink, contained_door(tmp_path, sink) as door:
        door.begin()
        until(lambda: door.is_healthy("live"), 60.0, "the supervisor")
        until(lambda: door.is_healthy("ready"), 60.0, "ready")
        door.press()
        door.told(1, 20.0)
        time.sleep(APART_S)
        pressed = door.run("doorbell", "press", "--json")
        assert '"decision":"nobody"' in pressed.stdout.replace(" ", "")
        time.sleep(APART_S)
        token = (door.state / "web.token").read_text().strip()
        answer = HttpCaller(door.port, token).ask("POST", "/api/v1/rings")
        assert answer.status == HTTPStatus.ACCEPTED
        door.told(3, 20.0)
        # Both ports left the container: without its token neither says anything.
        said = HttpCaller(door.operations).get_text("/metrics")
        assert said.startswith("the token")


def test_a_dead_supervisor_is_unhealthy(tmp_path: Path) -> None:
    with Sink() as sink, contained_door(tmp_path, sink) as door:
        door.begin()
        until(lambda: door.is_healthy("live"), 60.0, "the supervisor")
        daemon = door.daemon()
        os.kill(daemon, signal.SIGSTOP)
        assert not door.is_healthy("live")
        os.kill(daemon, signal.SIGCONT)
        until(lambda: door.is_healthy("live"), 10.0, "the supervisor again")
