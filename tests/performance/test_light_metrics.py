"""What measuring may cost a process that only reports."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LIBRARIES = ("prometheus_client", "psutil")


def loaded(statement: str, watched: tuple[str, ...] = LIBRARIES) -> set[str]:
    report = f"{statement}\nimport sys\nprint(*(set({watched}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", report], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "doorbell.runtime.worker",
        "doorbell.runtime.holder",
        "doorbell.stages.notify",
        "doorbell.runtime.reporting",
    ],
)
def test_who_only_reports_loads_no_registry(module: str) -> None:
    assert loaded(f"import {module}") == set()


def test_the_program_that_is_the_daemon_too_loads_no_pixels() -> None:
    heavy = ("numpy", "PIL", "cv2", "apprise", "starlette")
    assert loaded("import doorbell.cli.main", heavy) == set()


def test_the_supervisor_loads_one() -> None:
    assert loaded("import doorbell.runtime.observatory") == set(LIBRARIES)


@pytest.mark.crash
def test_the_bench_tells_what_measuring_costs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "doorbell.cli.main", "bench", "metrics", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode == 0) is found["within_goals"], done.stderr
    assert set(found["record_us"]) == {"counter", "gauge", "histogram", "exemplar"}
    assert 250 < found["series"] <= 300
    # A ratio in one run: an exemplar costs a dictionary and a time, no more.
    assert found["record_us"]["exemplar"] < 10 * found["record_us"]["counter"]
