"""The doorbell says how it is, whatever hangs or is missing."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from asking import ask, check, where

from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from doorstep import Doorstep

ROLES = ("button", "notify", "capture", "vision")
OK, UNAVAILABLE = 200, 503
NOT_READY = 69
# What is promised of every answer.
ANSWER_S = 0.05


def health_command(doorstep: Doorstep, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "doorbell.cli.main"]
    command += ["--config", str(doorstep.config), "health", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("path", "alias"),
    [
        ("/health", "/api/health"),
        ("/health/ready", "/ready"),
        ("/health/ready", "/api/ready"),
    ],
)
def test_a_sound_doorbell_is_ready_by_every_name(
    household: Doorstep, path: str, alias: str
) -> None:
    address = where(household)
    answers = [ask(address, one) for one in (path, alias)]
    assert [one.code for one in answers] == [OK, OK]
    assert answers[0].content.keys() == answers[1].content.keys()


def test_every_check_says_what_it_found(household: Doorstep) -> None:
    report = ask(where(household), "/health").content
    # The clock of a machine without NTP is no fault of ours.
    assert report["ready"] is True
    assert report["score"] >= 0.9
    assert report["version"]
    assert report["uptime_s"] > 0
    expected = {"journal", "state", "outbox", "camera", "engine", "workers", "audit"}
    assert expected | {"disk", "clock", "network"} <= report["checks"].keys()
    for name in expected:
        found = report["checks"][name]
        assert found["status"] == "healthy", (name, found)
        assert found["latency_ms"] >= 0
        assert found["for_s"] >= 0
        assert found["weight"] in {"vital", "major", "minor"}
    assert report["checks"]["state"]["latency_ms"] > 0, "asked on the card's thread"


def test_an_answer_takes_no_time(household: Doorstep) -> None:
    address = where(household)
    for path in ("/health/live", "/health/ready", "/health"):
        # The best of several: a busy machine delays any.
        assert min(ask(address, path).took_s for _ in range(10)) < ANSWER_S


def test_the_command_says_it_in_words(household: Doorstep) -> None:
    code, out = health_command(household)
    assert code == 0
    assert ", ready, score" in out
    for name in ("journal", "state", "outbox", "camera", "engine"):
        assert name in out


def test_stopped_workers_block_no_answer(doorstep: Doorstep) -> None:
    doorstep.start()
    doorstep.ready()
    address = where(doorstep)
    for role in ROLES:
        os.kill(doorstep.pid(role), signal.SIGSTOP)
    answers = [ask(address, "/health") for _ in range(20)]
    assert min(one.took_s for one in answers) < ANSWER_S
    assert max(one.took_s for one in answers) < 1.0
    # They are found out, killed and started again; until then it is not ready.
    until(lambda: ask(address, "/health/ready").code == UNAVAILABLE, 5.0, "unready")
    assert ask(address, "/health/live").code == OK
    until(lambda: ask(address, "/health/ready").code == OK, 8.0, "ready again")


def test_frames_that_stop_coming_are_noticed_by_their_age(doorstep: Doorstep) -> None:
    doorstep.change("rate_fps = 20.0", "rate_fps = 20.0\nstale_s = 1.0")
    doorstep.change("progress_timeout_s = 1.5", "progress_timeout_s = 60.0")
    doorstep.start()
    doorstep.ready()
    address = where(doorstep)
    capture = doorstep.pid("capture")
    os.kill(capture, signal.SIGSTOP)
    # Its worker counts as running, and its last word was that all is well.
    until(lambda: ask(address, "/health/ready").code == UNAVAILABLE, 5.0, "unready")
    failing = ask(address, "/health/ready").content["failing"]
    assert list(failing) == ["camera"]
    assert failing["camera"]["detail"].startswith("ok: last frame")
    os.kill(capture, signal.SIGCONT)
    until(lambda: ask(address, "/health/ready").code == OK, 5.0, "ready again")


def test_a_dead_camera_is_unready_and_says_what_helps(doorstep: Doorstep) -> None:
    doorstep.change(f"folder:{doorstep.porch}", "v4l2:/dev/no-such-camera")
    doorstep.start()
    until(lambda: doorstep.status() is not None, 6.0, "the control socket")
    address = where(doorstep)
    until(
        lambda: list(ask(address, "/health/ready").content["failing"]) == ["camera"],
        6.0,
        "only the camera is missing",
    )
    answer = ask(address, "/health/ready")
    assert answer.code == UNAVAILABLE
    assert answer.content["ready"] is False
    found = answer.content["failing"]["camera"]
    assert "no-such-camera" in found["detail"]
    assert found["hint"]
    assert found["repair"] == "doorbell look"
    code, out = health_command(doorstep, "--json")
    assert code == NOT_READY
    report = json.loads(out.splitlines()[-1])
    assert (report["ready"], report["failing"]) == (False, ["camera"])


def test_a_card_that_takes_no_writes_is_unready_until_it_does(
    doorstep: Doorstep,
) -> None:
    doorstep.start()
    doorstep.ready()
    address = where(doorstep)
    until(lambda: ask(address, "/health/ready").code == OK, what="ready")
    with closing(sqlite3.connect(doorstep.state / "state.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        until(lambda: check(address, "state")["status"] == "unhealthy", 9.0, "noticed")
        assert ask(address, "/health/ready").code == UNAVAILABLE
        other.execute("ROLLBACK")
    until(lambda: ask(address, "/health/ready").code == OK, 15.0, "ready again")


def test_without_a_doorbell_the_command_says_so(doorstep: Doorstep) -> None:
    code, out = health_command(doorstep, "--json")
    assert code == NOT_READY
    report = json.loads(out.splitlines()[-1])
    assert (report["ready"], report["status"]) == (False, "unhealthy")
    assert report["hint"]
