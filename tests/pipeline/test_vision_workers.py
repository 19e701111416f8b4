"""Two vision workers: one that hangs keeps no other visit waiting."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from doorstep import Doorstep

pytestmark = pytest.mark.timeout(45)


def press_with_picture(doorstep: Doorstep) -> subprocess.Popen[str]:
    """Ring with a picture: such a ring is a visit of its own."""
    command = [sys.executable, "-m", "doorbell.cli.main"]
    command += ["--config", str(doorstep.config), "press", "--json"]
    command += ["--image", str(doorstep.porch / "anna.png")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_worker_that_hangs_keeps_no_other_visit_waiting(doorstep: Doorstep) -> None:
    doorstep.change('engine = "fake"', 'engine = "fake"\nworkers = 2')
    doorstep.change("progress_timeout_s = 1.5", "progress_timeout_s = 6.0")
    doorstep.start()
    doorstep.ready()
    doorstep.enrol("Anna", "anna")
    hung = doorstep.pid("vision")
    os.kill(hung, signal.SIGSTOP)
    first = press_with_picture(doorstep)
    until(doorstep.visits, what="the first visit")
    second = press_with_picture(doorstep)
    out, _ = second.communicate(timeout=10)
    told = json.loads(out.splitlines()[-1])
    assert told["decision"] == "known"
    # Behind the worker that hangs it would have waited for that to be noticed.
    assert told["timings_ms"]["decision"] < 3000
    out, _ = first.communicate(timeout=15)
    assert json.loads(out.splitlines()[-1])["decision"] == "known"
    assert doorstep.pid("vision") != hung


def test_commands_are_answered_by_two_workers(doorstep: Doorstep) -> None:
    doorstep.change('engine = "fake"', 'engine = "fake"\nworkers = 2')
    doorstep.start()
    doorstep.ready()
    doorstep.enrol("Anna", "anna")
    os.kill(doorstep.pid("vision-2"), signal.SIGKILL)
    doorstep.enrol("Ben", "ben")
    doorstep.stand("ben")
    doorstep.press()
    (body,) = doorstep.told()
    assert "Ben" in body
