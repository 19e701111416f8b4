"""A real OpenTelemetry collector takes one trace from the ring to the push."""

from __future__ import annotations

import importlib.util
import re
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep

from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(60)

PARTS = {"visit", "ring", "look", "picture.encode", "store", "push"}


def agent() -> Path | None:
    found = importlib.util.find_spec("rotel")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).with_name("rotel-agent")
    # It is linked against the Python of Debian.
    started = subprocess.run([path, "--version"], capture_output=True, check=False)
    return path if started.returncode == 0 else None


class Rotel:
    """The collector; writes what it takes to its standard output."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.port, grpc = free_port(), free_port()
        self.out = folder / "rotel.log"
        words = ["start", "--otlp-http-endpoint", f"127.0.0.1:{self.port}"]
        words += ["--otlp-grpc-endpoint", f"127.0.0.1:{grpc}"]
        words += ["--exporter", "blackhole", "--debug-log", "traces"]
        words += ["--debug-log-verbosity", "detailed"]
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [program, *words], stdout=out, stderr=out, cwd=folder
            )
        until(self.is_open, 15.0, "the collector listens")

    def is_open(self) -> bool:
        assert self.process.poll() is None, self.out.read_text()
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def said(self) -> str:
        return self.out.read_text(errors="replace")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.fixture
def rotel(tmp_path: Path) -> Iterator[Rotel]:
    program = agent()
    if program is None:
        pytest.skip("needs rotel and libpython3.11 (apt-get install libpython3.11)")
    one = Rotel(program, tmp_path)
    try:
        yield one
    finally:
        one.stop()


def spans_of(text: str, trace: str) -> set[str]:
    """Names of a trace's spans, in what the collector wrote."""
    blocks = re.split(r"(?=Span #\d+)", text)
    mine = [block for block in blocks if trace in block]
    return {m[1] for block in mine if (m := re.search(r"Name\s*:\s*(\S+)", block))}


def test_the_collector_gets_one_trace_from_the_ring_to_the_push(
    rotel: Rotel, tmp_path: Path
) -> None:
    with Sink() as sink:
        one = Doorstep(tmp_path, sink)
        endpoint = f"http://127.0.0.1:{rotel.port}/v1/traces"
        one.change("[log]", f'[tracing]\nendpoint = "{endpoint}"\n[log]')
        try:
            one.start()
            one.ready()
            one.enrol("Annabella", "anna")
            one.stand("anna")
            one.press()
            one.told()
            (visit,) = one.visits()
            until(
                lambda: spans_of(rotel.said(), visit.id) >= PARTS,
                20.0,
                "every part of the trace",
            )
        finally:
            one.kill()
    said = rotel.said()
    assert "likeness" in said
    assert "Annabella" not in said
