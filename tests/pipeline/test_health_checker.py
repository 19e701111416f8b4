"""The doorbell's health from outside: by HTTP, systemd and the slots."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from asking import where

from config.loader import load
from doorbell.testing.waiting import until
from monitoring.health.verdict import Status
from production.deployment.slots import Deployment, DeployState, Phase
from production.deployment.state_file import StateFile
from production.deployment.systemd import UnitState
from production.errors import StepFailedError
from production.health import rules
from production.health.asked import judged
from production.health.health_checker import HealthChecker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorstep import Doorstep

    from config.production.production_settings import ProductionSettings

NOT_READY = 69
BLUE, GREEN = "doorbell@blue.service", "doorbell@green.service"


class Units:
    """A service manager that knows these units; all others are inactive."""

    def __init__(self, **states: UnitState) -> None:
        self.states = {f"doorbell@{name}.service": one for name, one in states.items()}
        self.is_broken = False

    def start(self, unit: str, within_s: float) -> None:
        raise NotImplementedError

    def stop(self, unit: str) -> None:
        raise NotImplementedError

    def take_over(self, unit: str) -> None:
        raise NotImplementedError

    def show(self, unit: str) -> UnitState:
        if self.is_broken:
            msg = "systemctl cannot be run"
            raise StepFailedError(msg)
        return self.states.get(unit, UnitState())


def settings_for(folder: Path, address: str) -> ProductionSettings:
    file = folder / "checker.toml"
    file.write_text(f"""
profile = "testing"
[operations]
listen = "{address}"
[deploy]
state_dir = "{folder}"
""")
    return load(file, {})


def answering(code: int, body: bytes) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def stranger() -> Iterator[str]:
    """Another program that has our port."""
    yield from answering(200, b"<html>hello</html>")


def test_a_running_doorbell_is_ready_from_outside(
    household: Doorstep, tmp_path: Path
) -> None:
    checker = HealthChecker(settings_for(tmp_path, where(household)))

    def report() -> dict[str, object]:
        return checker.get_health_report()

    until(lambda: report()["ready"], what="ready")
    found = report()
    # The clock of a machine without NTP may be all that is not well.
    assert found["overall_status"] in {"healthy", "degraded"}
    assert found["score"] >= 0.9
    assert "camera" in found["doorbell"]["checks"]


def test_nothing_that_answers_is_unhealthy(tmp_path: Path) -> None:
    report = HealthChecker(settings_for(tmp_path, "127.0.0.1:9")).get_health_report()
    assert report["overall_status"] == "unhealthy"
    assert report["ready"] is False
    assert report["doorbell"] == {}
    assert "nothing answers" in report["checks"]["daemon"]["detail"]


def test_a_port_that_is_switched_off_is_no_health(tmp_path: Path) -> None:
    report = HealthChecker(settings_for(tmp_path, "none")).get_health_report()
    assert report["overall_status"] == "unhealthy"


def test_another_program_on_the_port_is_not_believed(
    stranger: str, tmp_path: Path
) -> None:
    report = HealthChecker(settings_for(tmp_path, stranger)).get_health_report()
    assert report["overall_status"] == "unhealthy"
    assert "something else" in report["checks"]["daemon"]["detail"]


@pytest.mark.parametrize(
    ("code", "body", "expected"),
    [
        (200, b'{"status": "healthy", "failing": []}', Status.HEALTHY),
        (200, b'{"status": "degraded", "failing": []}', Status.DEGRADED),
        (503, b'{"status": "unhealthy", "failing": ["camera"]}', Status.UNHEALTHY),
        (401, b'{"status": "healthy"}', Status.UNHEALTHY),
        (200, b'{"status": "splendid"}', Status.UNHEALTHY),
        (200, b"[]", Status.UNHEALTHY),
        (200, b"\xff", Status.UNHEALTHY),
        (500, b"", Status.UNHEALTHY),
    ],
)
def test_an_answer_is_read_as_what_it_is(
    code: int, body: bytes, expected: Status
) -> None:
    assert judged(code, body, 1.0).verdict.status is expected


# Units and slots.


def trial(phase: Phase) -> Deployment:
    return Deployment(
        number=2,
        version="2.0",
        slot="green",
        previous="blue",
        who="root",
        why="timer",
        began="",
        phase=phase,
        reason="it was not ready",
    )


BLUE_RUNS = DeployState("blue", {"blue": "1.0"})


@pytest.mark.parametrize(
    ("states", "needed", "expected"),
    [
        ({BLUE: UnitState("active")}, BLUE, Status.HEALTHY),
        ({BLUE: UnitState("inactive")}, BLUE, Status.UNHEALTHY),
        ({BLUE: UnitState("activating")}, BLUE, Status.UNHEALTHY),
        (
            {BLUE: UnitState("active"), GREEN: UnitState("failed", "watchdog")},
            BLUE,
            Status.UNHEALTHY,
        ),
        ({BLUE: UnitState("inactive")}, "", Status.DEGRADED),
        ({BLUE: UnitState("inactive"), GREEN: UnitState("active")}, "", Status.HEALTHY),
    ],
)
def test_units_are_judged(
    states: dict[str, UnitState], needed: str, expected: Status
) -> None:
    assert rules.units(states, needed).status is expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (DeployState(), Status.DEGRADED),
        (BLUE_RUNS, Status.HEALTHY),
        (
            DeployState("green", {"green": "2.0"}, deployment=trial(Phase.TRIAL)),
            Status.HEALTHY,
        ),
        (
            DeployState("blue", {"blue": "1.0"}, history=(trial(Phase.ROLLED_BACK),)),
            Status.DEGRADED,
        ),
        (
            DeployState("green", {"green": "2.0"}, history=(trial(Phase.COMMITTED),)),
            Status.HEALTHY,
        ),
    ],
)
def test_slots_are_judged(state: DeployState, expected: Status) -> None:
    assert rules.slots(state).status is expected


def test_the_unit_of_the_active_slot_has_to_run(
    household: Doorstep, tmp_path: Path
) -> None:
    StateFile(tmp_path).write(BLUE_RUNS)
    settings = settings_for(tmp_path, where(household))
    units = Units(blue=UnitState("active"), green=UnitState("inactive"))
    report = HealthChecker(settings, units).get_health_report()
    assert report["checks"]["units"]["status"] == "healthy"
    assert report["checks"]["slots"]["detail"] == "1.0 in blue"

    units.states[BLUE] = UnitState("failed", "exit-code")
    report = HealthChecker(settings, units).get_health_report()
    assert report["checks"]["units"]["status"] == "unhealthy"
    assert report["overall_status"] == "degraded", "whoever answers still serves"

    units.is_broken = True
    report = HealthChecker(settings, units).get_health_report()
    assert report["checks"]["units"]["status"] == "degraded"


def test_a_damaged_deploy_json_is_said_and_hides_nothing(
    household: Doorstep, tmp_path: Path
) -> None:
    (tmp_path / "deploy.json").write_bytes(b"{")
    checker = HealthChecker(settings_for(tmp_path, where(household)), Units())
    report = checker.get_health_report()
    assert report["checks"]["slots"]["status"] == "degraded"
    assert report["checks"]["daemon"]["status"] in {"healthy", "degraded"}


def test_the_program_says_it_and_exits_accordingly(
    household: Doorstep, tmp_path: Path
) -> None:
    def health(address: str, *words: str) -> subprocess.CompletedProcess[str]:
        settings_for(tmp_path, address)
        command = [sys.executable, "-m", "production.deployment.program", "health"]
        command += ["--config", str(tmp_path / "checker.toml"), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    until(lambda: health(where(household)).returncode == 0, what="ready")
    silent = health("127.0.0.1:9", "--json")
    assert silent.returncode == NOT_READY
    assert json.loads(silent.stdout)["overall_status"] == "unhealthy"
    assert "nothing answers" in health("127.0.0.1:9").stdout


def test_it_needs_nothing_of_the_daemon() -> None:
    program = (
        "import sys, production.health.health_checker; "
        "sys.exit(any(name.partition('.')[0] == 'doorbell' for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
