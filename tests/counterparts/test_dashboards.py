"""Every panel shows something once the bell has rung, and is what Grafana understands.

No Grafana is needed: its published types say what it reads, and Prometheus answers the
panels' queries as it would answer Grafana's.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep
from prometheus_server import MISSING, PROGRAM, PrometheusServer, free_port

from doorbell.runtime.client import control_path
from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until
from monitoring.dashboards.boards import BOARDS
from monitoring.dashboards.rendering import as_json
from monitoring.metrics.declarations import DECLARED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from monitoring.dashboards.panel import Query

NPM = shutil.which("npm")
SCHEMA = ("@grafana/schema@11.6.0", "typescript@5.6.3")
QUERIES = {
    f"{panel.title}: {query.legend}": query
    for board in BOARDS
    for panel in board.panels()
    for query in panel.queries
}
# What Grafana puts in by itself, for a board opened a while after the rings.
VARIABLES = {"$__range": "2m", "$__interval": "2m", "$__rate_interval": "30s"}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """A Prometheus that watches a doorbell which took rings and had trouble."""
    folder = tmp_path_factory.mktemp("panels")
    scraped = f"127.0.0.1:{free_port()}"
    server = PrometheusServer(folder / "prometheus", scraped)
    with Sink() as sink:
        door = Doorstep(folder, sink)
        door.change('listen = "127.0.0.1:0"', f'listen = "{scraped}"')
        door.change("every_s = 0.0", "every_s = 1.0")
        # Each press a visit of its own.
        door.change("merge_s = 0.3", "merge_s = 0.0")
        try:
            with server:
                _live(door, server)
                yield server
        finally:
            door.kill()


def _live(door: Doorstep, server: PrometheusServer) -> None:
    def shows(expression: str) -> Callable[[], bool]:
        return lambda: bool(server.query(expression))

    door.start()
    door.ready()
    door.enrol("Anna", "anna")
    until(shows("known_faces_database_size == 1"), 20.0, "scraped")
    for number in range(1, 3):
        door.show("anna" if number == 1 else "nobody")
        door.press()
        door.told(number)
    _forge_a_message(door)
    _spoil_the_settings(door)
    os.kill(door.pid("vision"), signal.SIGKILL)
    until(shows("sum(doorbell_visits_total) >= 2"), 20.0, "visits are seen")
    # Judged some twenty seconds after the start.
    until(shows("face_recognition_accuracy"), 40.0, "accuracy")


def _spoil_the_settings(door: Doorstep) -> None:
    """Have an error logged: settings that are refused when they are read again."""
    door.config.write_text(door.config.read_text() + "\n[nonsense]\n")
    assert door.process is not None
    door.process.send_signal(signal.SIGHUP)


def _forge_a_message(door: Doorstep) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.connect(str(control_path(door.settings)))
        caller.send(b"\xffno message of ours")
        caller.recv(1 << 16)


@pytest.mark.skipif(PROGRAM is None, reason=MISSING)
@pytest.mark.timeout(90)
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_every_panel_shows_something(
    prometheus: PrometheusServer, query: Query
) -> None:
    promql = query.promql
    for name, value in VARIABLES.items():
        promql = promql.replace(name, value)
    found = prometheus.query(promql)
    if query.pi_only and not found:
        pytest.skip("only a Pi has a sensor for it")
    assert found, promql
    values = [float(one["value"][1]) for one in found]
    assert not all(math.isnan(value) for value in values), (promql, found)
    for label in re.findall(r"{{(\w+)}}", query.legend):
        assert all(label in one["metric"] for one in found), (label, found)


def test_panels_ask_for_declared_metrics_only() -> None:
    declared = {metric.name for metric in DECLARED}
    declared |= {f"{metric.name}_bucket" for metric in DECLARED}
    asked = {name for query in QUERIES.values() for name in _metrics(query)}
    assert asked <= declared


def _metrics(query: Query) -> set[str]:
    """Return the names in an expression that are no functions, labels or values."""
    bare = re.sub(r"{[^}]*}|\[[^]]*\]|by \([^)]*\)|offset \S+", "", query.promql)
    words = set(re.findall(r"[a-z_]+(?![a-z_(])", bare))
    return words - {"or", "unless", "sum", "by"}


@pytest.mark.skipif(NPM is None, reason="npm is not installed")
@pytest.mark.timeout(120)
def test_grafana_understands_every_board(tmp_path: Path) -> None:
    assert NPM is not None
    install = [NPM, "install", "--no-audit", "--no-fund", "--silent", *SCHEMA]
    subprocess.run(install, cwd=tmp_path, check=True, timeout=90)
    source = 'import type { Dashboard } from "@grafana/schema";\n'
    for number, board in enumerate(BOARDS):
        source += f"const b{number}: Partial<Dashboard> = {as_json(board)};\n"
    assert _complaints(tmp_path, source) == ""
    wrong = source.replace('"refresh": "30s"', '"refresh": 30', 1)
    assert "not assignable to type 'string'" in _complaints(tmp_path, wrong)


def _complaints(folder: Path, source: str) -> str:
    (folder / "boards.ts").write_text(source)
    tsc = [str(folder / "node_modules" / ".bin" / "tsc"), "--noEmit", "--skipLibCheck"]
    tsc += ["--strict", "--module", "nodenext", "--moduleResolution", "nodenext"]
    done = subprocess.run(
        [*tsc, "boards.ts"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr
