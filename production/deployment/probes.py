"""Look at a slot from outside: its operations port, its rings, the machine's memory."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from config.metrics_settings import address_of
from production.deployment.unprivileged import daemons_rights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.production.production_settings import ProductionSettings
    from production.deployment.judge import Health
    from production.deployment.paths import Paths

_ANSWER_S = 5.0
_MOST_BYTES = 2 << 20
_RING_S = 30.0
_OK = 200
# What `doorbell press --synthetic` says when a visitor came between.
_YIELDED = "somebody rang meanwhile"
_MEMINFO = Path("/proc/meminfo")
_SAMPLE = re.compile(
    r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)", re.MULTILINE
)
# Steps of real visits; the judge's own rings are counted by the judge.
_COUNTED = "pipeline_events_total"
_BAD = re.compile(r'status="(?:degraded|undurable|failure|error)"')


@dataclass(frozen=True, slots=True)
class Figures:
    """What the operations port tells: health, and two counters of its process."""

    health: Health
    events: float = 0.0
    errors: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """What came of a synthetic ring.

    Attributes:
        latency_ms: from the edge to the decision; None if there was none.
        counts: false if it gave way to somebody who really rang.
    """

    latency_ms: float | None
    detail: str = ""
    counts: bool = True


class Probes(Protocol):
    """How a slot is looked at."""

    def look(self) -> Figures:
        """Ask the operations port of the slot that runs the door."""
        ...

    def ring(self, slot: str) -> Rung:
        """Ring synthetically through a slot's own program."""
        ...

    def available_bytes(self) -> int:
        """Memory that programs can still get."""
        ...


class MachineProbes:
    """The probes of this machine.

    Args:
        settings: where the operations port is, and with which pictures to ring.
        paths: where the slots are.
        config: the settings file for the slot's program; None for its default.
    """

    def __init__(
        self, settings: ProductionSettings, paths: Paths, config: str | None = None
    ) -> None:
        self._address = address_of(settings.operations.listen)
        self._token_file = settings.operations.token_file
        self._frames = settings.deploy.frames_dir
        self._paths = paths
        self._config = config

    def look(self) -> Figures:
        """See `Probes.look`."""
        if self._address is None:
            return Figures("silent", detail="[operations] listen is none")
        try:
            code, text = self._get("/health/ready")
            _, metrics = self._get("/metrics")
        except (OSError, http.client.HTTPException) as error:
            return Figures("silent", detail=str(error) or type(error).__name__)
        events, errors = count_events(metrics)
        if code == _OK:
            return Figures("ready", events, errors)
        return Figures("unready", events, errors, _failing(text))

    def _get(self, path: str) -> tuple[int, str]:
        host, port = self._address or ("", 0)
        headers = {}
        if self._token_file:
            token = Path(self._token_file).read_text("ascii").strip()
            headers["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection(host, port, timeout=_ANSWER_S)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            text = answer.read(_MOST_BYTES).decode(errors="replace")
            return answer.status, text
        finally:
            connection.close()

    def ring(self, slot: str) -> Rung:
        """See `Probes.ring`."""
        program = self._paths.slot(slot) / "bin" / "doorbell"
        command = [str(program), "press", "--synthetic", "--json"]
        if self._config:
            command += ["--config", self._config]
        command += [word for name in self._pictures() for word in ("--image", name)]
        began_s = time.monotonic()
        rights = daemons_rights()
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_RING_S,
                cwd="/",
                user=rights.user,
                group=rights.group,
                extra_groups=rights.extra_groups,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return Rung(None, str(error))
        took_ms = (time.monotonic() - began_s) * 1000
        failed = Rung(None, done.stderr[-300:], counts=_YIELDED not in done.stderr)
        return read_ring(done.stdout, took_ms) or failed

    def _pictures(self) -> Sequence[str]:
        if not self._frames:
            return []
        return sorted(str(f) for f in Path(self._frames).absolute().glob("*.jpg"))[:4]

    def available_bytes(self) -> int:
        """See `Probes.available_bytes`."""
        found = re.search(r"MemAvailable:\s+(\d+) kB", _MEMINFO.read_text("ascii"))
        return int(found.group(1)) * 1024 if found else 0


def count_events(metrics: str) -> tuple[float, float]:
    """Sum up what happened and what of it went wrong.

    >>> count_events('pipeline_events_total{event_type="ring",status="success"} 9.0')
    (9.0, 0.0)
    """
    events = errors = 0.0
    for found in _SAMPLE.finditer(metrics):
        if found["name"] != _COUNTED:
            continue
        try:
            value = float(found["value"])
        except ValueError:
            continue
        events += value
        if _BAD.search(found["labels"] or ""):
            errors += value
    return events, errors


def read_ring(output: str, took_ms: float) -> Rung | None:
    """Read the last line of `doorbell press --json`; None if it is not that."""
    try:
        view = json.loads(output.strip().splitlines()[-1])
        decision, timings = view["decision"], view["timings_ms"]
        latency_ms = float(timings.get("decision", took_ms))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None
    if decision == "degraded":
        return Rung(None, f"degraded: {view.get('reason')}")
    return Rung(latency_ms, decision)


def _failing(text: str) -> str:
    try:
        return ", ".join(map(str, json.loads(text).get("failing", [])))
    except (ValueError, AttributeError):
        return text[:100]
