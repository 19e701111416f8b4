"""Releases of the tiny doorbell, and a machine that they are deployed on."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.error import URLError
from urllib.request import urlopen

from release_world import Repository, make_unsigned
from tiny_systemd import TinySystemd

from config.loader import load
from production.deployment.blue_green_deployer import BlueGreenDeployer
from production.deployment.disk import KernelDisk
from production.deployment.paths import Paths
from production.deployment.probes import MachineProbes
from production.deployment.slot_builder import SlotBuilder
from production.deployment.state_file import StateFile
from production.deployment.world import World

if TYPE_CHECKING:
    from production.deployment.slots import Deployment, DeployState

SOURCE = Path(__file__).with_name("tiny_doorbell.py")
LINE = 'BEHAVIOUR, VERSION = "good", "0.0.0"'


def modules(version: str, behaviour: str) -> dict[str, str]:
    """The one module of a release that behaves so."""
    text = SOURCE.read_text()
    assert LINE in text
    broken = "raise ImportError('broken')\n" if behaviour == "broken import" else ""
    text = text.replace(
        LINE, f"{broken}BEHAVIOUR, VERSION = {behaviour!r}, {version!r}"
    )
    return {"tiny_doorbell.py": text}


class TinyMachine:
    """A device with two slots, a tiny service manager and a repository of releases."""

    def __init__(self, folder: Path, repository: Repository) -> None:
        self.folder = folder
        self.repository = repository
        self.port = _free_port()
        self.said: list[str] = []
        self.memory = 1 << 40
        self.synchronised = True
        for name in ("state", "daemon", "run"):
            (folder / name).mkdir()
        (folder / "root.json").write_bytes(repository.root)
        self.config = folder / "doorbell.toml"
        self.write_settings()
        self.paths = Paths(folder / "opt", folder / "state", folder / "run")
        environ = {"TINY_PORT": str(self.port), "TINY_STATE": str(folder / "daemon")}
        os.environ.update(environ)
        self.systemd = TinySystemd(self.paths, folder, environ)
        self.world = self.new_world()

    def write_settings(self, profile: str = "testing", **more: object) -> None:
        limits = {
            "trial_s": 20,
            "trial_rings": 12,
            "min_rings": 12,
            "ring_period_s": 0.05,
            "baseline_period_s": 0.05,
            "grace_s": 0.8,
            "start_s": 3,
            **more,
        }
        lines = "\n".join(f"{key} = {value}" for key, value in limits.items())
        self.config.write_text(f"""
profile = "{profile}"
[storage]
dir = "{self.folder / "daemon"}"
[operations]
listen = "127.0.0.1:{self.port}"
[deploy]
root = "{self.folder / "opt"}"
state_dir = "{self.folder / "state"}"
run_dir = "{self.folder / "run"}"
root_file = "{self.folder / "root.json"}"
python = "{sys.executable}"
{lines}
""")
        self.settings = load(self.config, {})

    def new_world(self) -> World:
        """Another process that deploys."""
        machine = self

        class Probes(MachineProbes):
            def available_bytes(self) -> int:
                return machine.memory

        return World(
            paths=self.paths,
            state=StateFile(self.paths.state_dir),
            systemd=self.systemd,
            probes=Probes(self.settings, self.paths),
            builder=SlotBuilder(sys.executable, KernelDisk()),
            boot=self.systemd.boot,
            who="anna",
            say=self.said.append,
            is_synchronised=lambda: self.synchronised,
        )

    def deployer(self, *, trusts_unsigned: bool = False) -> BlueGreenDeployer:
        world = self.new_world()
        return BlueGreenDeployer(
            self.settings, world, why="a drill", trusts_unsigned=trusts_unsigned
        )

    def publish(self, version: str, behaviour: str = "good", floor: str = "") -> None:
        self.repository.add(version, modules(version, behaviour), floor=floor)

    def unsigned(self, version: str, behaviour: str = "good") -> Path:
        folder = self.folder / "unsigned" / version
        return make_unsigned(folder, version, modules(version, behaviour))

    def deploy(self, version: str, source: Path | None = None) -> bool:
        return self.deployer().deploy(version, source or self.repository.folder)

    @property
    def state(self) -> DeployState:
        state = StateFile(self.paths.state_dir).read()
        assert state is not None
        return state

    @property
    def last(self) -> Deployment:
        return self.state.history[-1]

    def at_the_door(self) -> str:
        """The version that answers rings now; empty if none does."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/version", timeout=1) as answer:
                return str(answer.read().decode())
        except (URLError, OSError):
            return ""

    def close(self) -> None:
        self.systemd.close()
        for name in ("TINY_PORT", "TINY_STATE"):
            os.environ.pop(name, None)
        shutil.rmtree(self.folder / "opt", ignore_errors=True)


class Caller:
    """Somebody who comes to the door all the time."""

    def __init__(self, machine: TinyMachine) -> None:
        self._machine = machine
        self._ended = threading.Event()
        self.longest_s = 0.0
        self.answered = 0
        self._thread = threading.Thread(target=self._call, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _call(self) -> None:
        last_s = time.monotonic()
        while not self._ended.wait(0.01):
            if self._machine.at_the_door():
                self.answered += 1
                last_s = time.monotonic()
            self.longest_s = max(self.longest_s, time.monotonic() - last_s)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
