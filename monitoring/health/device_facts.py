"""What a doctor asks of a machine before a doorbell runs on it, gathered once.

Every question goes to the thing itself: the device file is opened, the address is
called, the clock is asked. Nothing is changed.
"""

from __future__ import annotations

import grp
import importlib.util
import os
import platform
import pwd
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from config.metrics_settings import address_of, is_loopback
from monitoring.metrics.device_readings import card_wear, supply_flags

if TYPE_CHECKING:
    from config.production.production_settings import ProductionSettings

MEMINFO = Path("/proc/meminfo")
CALL_S = 3.0


@dataclass(frozen=True, slots=True)
class DeviceFile:
    """A file of /dev that is needed.

    Attributes:
        found: its path; empty if there is none.
        is_open: this user may read and write it.
        group: of the file.
    """

    found: str = ""
    is_open: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """The master key.

    Attributes:
        is_there: it was made already.
        is_exposed: others than its owner may read it.
        is_on_state_disk: it lies on the file system whose content it opens.
    """

    is_there: bool
    is_exposed: bool
    is_on_state_disk: bool


def user() -> str:
    """Name of the user this runs as."""
    return pwd.getpwuid(os.geteuid()).pw_name


def device_file(pattern: str) -> DeviceFile:
    """Look at the first file of /dev that matches."""
    for path in sorted(Path("/dev").glob(pattern)):
        if not stat.S_ISCHR(path.stat().st_mode):
            continue
        return DeviceFile(str(path), os.access(path, os.R_OK | os.W_OK), _group(path))
    return DeviceFile()


def _group(path: Path) -> str:
    try:
        return grp.getgrgid(path.stat().st_gid).gr_name
    except KeyError:
        return ""


def missing_packages(names: tuple[str, ...]) -> list[str]:
    """Return which modules cannot be imported here; none is imported."""
    return [name for name in names if importlib.util.find_spec(name) is None]


def answers(address: str, default_port: int) -> bool:
    """Whether something takes a connection at the host of an address."""
    parts = urlsplit(address)
    if not parts.hostname:
        return False
    try:
        where = (parts.hostname, parts.port or default_port)
        socket.create_connection(where, CALL_S).close()
    except OSError:
        return False
    return True


def memory_bytes(meminfo: Path = MEMINFO) -> tuple[int, int]:
    """Return the memory of this machine, all of it and what is available."""
    found = {}
    for line in meminfo.read_text("ascii").splitlines():
        name, _, rest = line.partition(":")
        found[name] = int(rest.split()[0]) * 1024
    return found["MemTotal"], found.get("MemAvailable", found["MemFree"])


def key_facts(settings: ProductionSettings) -> KeyFacts:
    """Look at the master key without reading it."""
    state = Path(settings.storage.dir)
    path = Path(settings.storage.key_file or state / "keys" / "master.key")
    try:
        found = path.stat()
    except OSError:
        return KeyFacts(is_there=False, is_exposed=False, is_on_state_disk=False)
    return KeyFacts(
        is_there=True,
        is_exposed=bool(found.st_mode & stat.S_IRWXO),
        is_on_state_disk=found.st_dev == state.stat().st_dev,
    )


def is_writable(folder: Path) -> bool:
    """Whether this user may make files in a folder, or make the folder."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)


def supply() -> int | None:
    """Flags of the power supply; None where it is no Raspberry Pi."""
    return supply_flags(Path("/sys"))


def wear() -> dict[str, float]:
    """Share of its life that the card says it has used."""
    return card_wear(Path("/sys"))


def python() -> str:
    """Version of this interpreter and its machine."""
    return f"Python {platform.python_version()} on {platform.machine()}"


def is_local(listen: str) -> bool:
    """Whether a `listen` setting is reached from this machine only, or not at all."""
    where = address_of(listen)
    return where is None or is_loopback(where[0])
