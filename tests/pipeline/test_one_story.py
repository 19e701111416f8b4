"""One id tells of a visit in every process, and of an error on every screen."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from http_caller import HttpDoorstep

from doorbell.runtime import requests as r
from doorbell.runtime.client import RequestFailedError, control_path
from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from doorstep import Doorstep

pytestmark = pytest.mark.timeout(60)


def lines(doorstep: Doorstep) -> list[dict[str, Any]]:
    text = doorstep.log.read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.fixture
def talkative(doorstep: Doorstep) -> Doorstep:
    """A daemon that logs every operation, and into files too."""
    files = doorstep.folder / "logs"
    doorstep.change("[log]", f'[log]\nslow_ms = 1\nfolder = "{files}"\nfile_mb = 5')
    doorstep.start()
    doorstep.ready()
    doorstep.enrol("Anna", "anna")
    return doorstep


def test_every_process_names_a_visit_by_one_id(talkative: Doorstep) -> None:
    talkative.stand("anna")
    talkative.press()
    talkative.told()
    (visit,) = talkative.visits()

    def told() -> list[dict[str, Any]]:
        return [
            one for one in lines(talkative) if one.get("correlation_id") == visit.id
        ]

    def events() -> set[str]:
        return {one["event"] for one in told()}

    def slow() -> set[str]:
        return {one["operation"] for one in told() if one["event"] == "slow"}

    # Of the vision, the notify and the hub's own process.
    until(lambda: slow() >= {"look", "push", "store"}, 5.0, "all processes")
    assert all(one["duration_ms"] >= 1 for one in told() if one["event"] == "slow")
    # The second push's answer is told after the first one's.
    needed = {"visit_ring", "visit_decided", "push_answered"}
    until(lambda: events() >= needed, 5.0, "the whole story")
    assert talkative.stop() == 0
    main = (talkative.folder / "logs" / "main.log").read_text()
    assert {json.loads(line)["event"] for line in main.splitlines()} >= events()
    assert "Anna" not in main


def failed(doorstep: Doorstep, count: int) -> dict[str, Any]:
    """The line of the newest command that failed, once there are so many."""

    def found() -> list[dict[str, Any]]:
        return [one for one in lines(doorstep) if one["event"] == "command_failed"]

    until(lambda: len(found()) == count, 5.0, "the line")
    return found()[-1]


def test_an_error_has_the_same_id_on_the_screen_and_in_the_log(
    talkative: Doorstep,
) -> None:
    with pytest.raises(RequestFailedError) as refused:
        list(talkative.ask(r.ShowVisit(visit="feedfeedfeed")))
    line = failed(talkative, 1)
    assert line["error_id"] == refused.value.error_id
    assert len(line["correlation_id"]) == 32
    shown = subprocess.run(
        [
            *(sys.executable, "-m", "doorbell.cli.main"),
            *("--config", str(talkative.config), "people", "show", "Zacharias"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 65
    line = failed(talkative, 2)
    assert f"error id: {line['error_id']}" in shown.stderr
    assert "Zacharias" not in talkative.log.read_text()


def test_a_forged_message_is_recorded_once_in_each_place(talkative: Doorstep) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.connect(str(control_path(talkative.settings)))
        caller.send(b"\xffno message of ours")
        caller.recv(1 << 16)
    where = next(talkative.ask(r.ShowMetrics())).address

    def counted() -> str:
        url = f"http://{where}/metrics"
        with urllib.request.urlopen(url, timeout=2.0) as answer:
            return str(answer.read().decode())

    series = (
        'security_events_total{action_taken="stopped",event_type="message_malformed",'
        'source="control"} 1.0'
    )
    alternative = (
        'security_events_total{event_type="message_malformed",source="control",'
        'action_taken="stopped"} 1.0'
    )
    until(lambda: series in counted() or alternative in counted(), 5.0, "the metric")
    assert talkative.sink.wait_for(1)
    assert talkative.stop() == 0
    events = [one for one in lines(talkative) if one["event"] == "security_event"]
    assert [one["event_type"] for one in events] == ["message_malformed"]
    assert len(talkative.sink.received) == 1
    security = (talkative.folder / "logs" / "security.log").read_text().splitlines()
    assert [json.loads(line)["event_id"] for line in security] == [
        events[0]["event_id"]
    ]
    audit = [
        line
        for path in (talkative.state / "audit").rglob("*")
        if path.is_file()
        for line in path.read_bytes().splitlines()
        if events[0]["event_id"].encode() in line
    ]
    assert len(audit) == 1


def test_a_request_over_http_has_one_id_in_both_processes(tmp_path: Path) -> None:
    with Sink() as sink:
        door = HttpDoorstep(tmp_path, sink)
        try:
            door.start()
            door.ready()
            answer = door.serving().ask("POST", "/api/v1/rings")
            number = answer.headers["X-Request-ID"]

            def told() -> set[str]:
                mine = [x for x in lines(door) if x.get("correlation_id") == number]
                return {one["event"] for one in mine}

            until(lambda: told() >= {"http_request", "command_done"}, 5.0, "both")
        finally:
            door.kill()
