"""A press moves the metrics, and they are answered whatever dies."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import msgspec
import pytest

from doorbell.runtime import replies
from doorbell.runtime import requests as r
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorstep import Doorstep

ROLES = ("button", "notify", "capture", "vision")
VISIT_TOLD = (
    'notifications_sent_total{channel="phone",notification_type="visit",status="sent"}'
)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def address(doorstep: Doorstep) -> str:
    return str(next(doorstep.ask(r.ShowMetrics())).address)


def scrape(where: str, accept: str = "text/plain") -> str:
    request = urllib.request.Request(
        f"http://{where}/metrics", headers={"Accept": accept}
    )
    with urllib.request.urlopen(request, timeout=2.0) as answer:  # noqa: S310 - as above
        return str(answer.read().decode())


def values(where: str) -> dict[str, float]:
    lines = [one for one in scrape(where).splitlines() if not one.startswith("#")]
    return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines)}


def rung(doorstep: Doorstep) -> None:
    """Have Anna ring, and wait until the phone has heard."""
    told = len(doorstep.sink.received)
    doorstep.stand("anna")
    doorstep.press()
    doorstep.told(told + 1)


def test_a_press_moves_the_metrics(running: Doorstep) -> None:
    where = address(running)
    before = values(where)
    rung(running)

    # The workers' own observations come with their next turn.
    until(lambda: 'stage="deliver"' in scrape(where), 5.0, "the notify worker's word")
    until(lambda: 'stage="journal"' in scrape(where), 5.0, "the button worker's word")
    after = values(where)
    for series in (
        'pipeline_events_total{event_type="press",status="success"}',
        'pipeline_events_total{event_type="ring",status="success"}',
        'pipeline_events_total{event_type="captured",status="success"}',
        'pipeline_events_total{event_type="decided",status="success"}',
        'doorbell_visits_total{decision="known"}',
        "doorbell_ring_decision_seconds_count",
        "doorbell_ring_push_seconds_count",
        VISIT_TOLD,
    ):
        assert (before.get(series, 0.0), after.get(series)) == (0.0, 1.0), series
    assert after["known_faces_database_size"] == 1
    assert after["doorbell_gallery_photos"] == 2
    assert after["doorbell_frames_total"] > before["doorbell_frames_total"]
    for stage in ("store", "capture", "detect", "embed"):
        assert f'_count{{stage="{stage}"' in scrape(where), stage
    for role in ROLES:
        health = f'pipeline_worker_health{{worker_id="{role}",worker_type="{role}"}}'
        assert after[health] == 1.0
    assert len(values(where)) <= 300
    assert "metric_refused" not in running.log.read_text()


def test_a_ring_is_an_example_by_its_visit_and_nobodys_name(
    household: Doorstep,
) -> None:
    rung(household)
    shown = scrape(address(household), OPENMETRICS)
    assert f'# {{visit_id="{household.visits()[0].id}"}}' in shown
    assert shown.endswith("# EOF\n")
    assert "Anna" not in shown
    assert str(household.folder) not in shown


@pytest.fixture
def mortal(doorstep: Doorstep) -> Doorstep:
    """A doorstep whose dead workers stay dead: the first wait outlasts a test."""
    doorstep.change("backoff_s = 0.1", "backoff_s = 60.0\nbackoff_max_s = 60.0")
    doorstep.start()
    doorstep.ready()
    return doorstep


def test_the_metrics_answer_while_every_worker_is_dead(mortal: Doorstep) -> None:
    where = address(mortal)
    status = mortal.status()
    assert status is not None
    roles = [worker.role for worker in status.workers]
    for worker in status.workers:
        os.kill(worker.pid, signal.SIGKILL)

    def all_dead() -> bool:
        found = values(where)
        return not any(
            found[f'pipeline_worker_health{{worker_id="{one}",worker_type="{one}"}}']
            for one in roles
        )

    until(all_dead, 5.0, "the deaths to show")
    found = values(where)
    for role in roles:
        assert found[f'doorbell_worker_restarts_total{{worker_id="{role}"}}'] == 1
    assert found["doorbell_processes"] == 1


def test_the_command_shows_what_the_port_shows(household: Doorstep) -> None:
    with household.connection() as connection:
        for reply, fds in connection.ask(r.ShowMetrics()):
            assert isinstance(reply, replies.Metrics)
            content = msgspec.json.decode(os.pread(fds[0], 1 << 20, 0))
            os.close(fds[0])
    names = {one["name"] for one in content["metrics"]}
    assert "doorbell_uptime_seconds" in names
    assert content["status"]["dropped"] == {}


def test_an_error_is_counted_as_it_is_logged(running: Doorstep) -> None:
    where = address(running)
    assert running.process is not None
    # A log that was set up anew meanwhile is counted all the same.
    running.change('level = "info"', 'level = "debug"')
    running.process.send_signal(signal.SIGHUP)
    until(lambda: "settings_reloaded" in running.log.read_text(), 5.0, "the reload")
    running.config.write_text(running.config.read_text() + "\n[nonsense]\n")
    running.process.send_signal(signal.SIGHUP)
    series = (
        'errors_total{component="daemon",error_type="settings_refused",'
        'severity="error"}'
    )
    until(lambda: values(where).get(series) == 1.0, 5.0, "the error to be counted")


@pytest.fixture
def portless(doorstep: Doorstep) -> Iterator[Doorstep]:
    """A doorstep whose port another program has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        doorstep.change("127.0.0.1:0", f"127.0.0.1:{port}")
        doorstep.start()
        doorstep.ready()
        yield doorstep


def test_a_taken_port_does_not_silence_the_bell(portless: Doorstep) -> None:
    assert address(portless) == ""
    portless.press()
    assert len(portless.told()) == 1
    assert "operations_unavailable" in portless.log.read_text()


@pytest.fixture
def guarded(doorstep: Doorstep) -> Doorstep:
    """A doorstep whose port is open to all who have its token."""
    token = doorstep.folder / "token"
    token.write_text("open-sesame-7\n")
    token.chmod(0o600)
    doorstep.change(
        'listen = "127.0.0.1:0"', f'listen = "0.0.0.0:0"\ntoken_file = "{token}"'
    )
    doorstep.start()
    doorstep.ready()
    return doorstep


def test_with_a_token_only_who_has_it_reads(guarded: Doorstep) -> None:
    port = address(guarded).rpartition(":")[2]
    for _ in range(3):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            scrape(f"127.0.0.1:{port}")
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/metrics",
        headers={"Authorization": "Bearer open-sesame-7"},
    )
    with urllib.request.urlopen(request, timeout=2.0) as answer:  # noqa: S310 - as above
        shown = answer.read().decode()
    assert '{code="401",path="/metrics"} 3.0\n' in shown
    # Who knocks on is counted each time, and recorded once a minute.
    noticed = [x for x in shown.splitlines() if "authentication_failed" in x]
    assert [one.rpartition(" ")[2] for one in noticed] == ["1.0"]
    assert "open-sesame-7" not in guarded.log.read_text()


@pytest.fixture
def held(doorstep: Doorstep) -> Iterator[Doorstep]:
    """A doorstep whose button is held by a service of its own."""
    holder_socket = doorstep.folder / "holder.sock"
    doorstep.change('source = "mock"', f'source = "mock"\nholder = "{holder_socket}"')
    command = ["doorbell.runtime.holder", "--config", str(doorstep.config)]
    with subprocess.Popen([sys.executable, "-m", *command]) as holder:
        try:
            doorstep.start()
            doorstep.ready()
            yield doorstep
        finally:
            holder.terminate()


def test_the_buttons_own_service_reports_over_the_hubs_socket(held: Doorstep) -> None:
    list(held.ask(r.PressRequest()))
    journalled = 'stage="journal",worker_id="button"'
    where = address(held)
    until(lambda: journalled in scrape(where), 5.0, "the holder's word")


def doorbell(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "doorbell.cli.main", "--config", str(config)]
    return subprocess.run(
        [*command, *words], capture_output=True, text=True, check=False
    )


def test_the_command_prints_a_table_or_json(household: Doorstep) -> None:
    table = doorbell(household.config, "metrics", "worker_health")
    assert table.returncode == 0, table.stderr
    (line,) = [x for x in table.stdout.splitlines() if "worker_id=vision" in x]
    assert line.split()[-1] == "1"
    assert f"http://{address(household)}/metrics" in table.stdout
    assert "outbox" not in table.stdout
    found = json.loads(doorbell(household.config, "metrics", "--json").stdout)
    assert found["address"] == address(household)
    assert {"status", "metrics"} < set(found)


def test_without_a_daemon_the_command_says_so(doorstep: Doorstep) -> None:
    done = doorbell(doorstep.config, "metrics")
    assert (done.returncode, done.stdout) == (69, "")
    assert "doorbell run" in done.stderr
