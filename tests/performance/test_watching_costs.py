"""The measurements of logs and traces measure something, and the goal is kept."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = [pytest.mark.crash, pytest.mark.timeout(60)]


def bench(*words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "doorbell.cli.main", "bench", *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_line_costs_more_when_it_is_written() -> None:
    found = bench("logs", "--lines", "2000")
    silent, line = found["below the level"], found["json"]
    assert 0 < silent["median_us"] < line["median_us"]
    assert line["median_us"] < found["json, traceback"]["median_us"]


def test_a_dead_collector_adds_less_than_a_millisecond_to_a_ring() -> None:
    cost = bench("tracing", "--rings", "0")["processor time, one process"]
    assert cost["rings"] == 5000
    assert 0 < cost["added_median_ms"] < cost["added_p99_ms"] <= 1.0
