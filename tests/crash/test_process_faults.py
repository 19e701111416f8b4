"""Processes are killed, stopped and misconfigured: the next ring is told as ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.ring_journal import read_rings
from doorbell.runtime.replies import TargetAnswered
from doorbell.runtime.requests import TestTargets
from doorbell.testing.button import tell
from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from doorstep import Doorstep

pytestmark = pytest.mark.crash

EXIT_BAD_INPUT, EXIT_UNAVAILABLE = 65, 69
WORKERS = ("button", "capture", "vision", "notify")


def events(step: Doorstep, name: str) -> list[dict[str, object]]:
    """Lines of the log that tell of one kind of event."""
    lines = [line for line in step.log.read_text().splitlines() if line[:1] == "{"]
    return [line for line in map(json.loads, lines) if line["event"] == name]


def is_alive(pid: int) -> bool:
    """Whether the process still does, or could do, anything."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize("role", WORKERS)
def test_a_stopped_worker_is_noticed_by_its_deadline_and_replaced(
    doorstep: Doorstep, role: str
) -> None:
    doorstep.start()
    doorstep.ready()
    before = doorstep.pid(role)
    os.kill(before, signal.SIGSTOP)
    # The announced silence is 1.5 s in these settings; the rest is for a busy machine.
    until(lambda: events(doorstep, "worker_hung"), 5.0, "hung")
    until(lambda: doorstep.pid(role) not in (0, before), what="a new process")
    doorstep.ready()
    doorstep.press()
    doorstep.told()
    assert [e["role"] for e in events(doorstep, "worker_hung")] == [role]


def test_a_killed_supervisor_leaves_no_process_behind(doorstep: Doorstep) -> None:
    doorstep.start()
    doorstep.ready()
    pids = [doorstep.pid(role) for role in WORKERS]
    # Two that cannot see that the supervisor is gone.
    os.kill(doorstep.pid("button"), signal.SIGSTOP)
    os.kill(doorstep.pid("vision"), signal.SIGSTOP)
    doorstep.kill()
    until(lambda: not any(map(is_alive, pids)), 2.0, "all gone")
    doorstep.start()
    doorstep.ready()
    doorstep.press()
    doorstep.told()


def test_an_hour_on_the_button_is_one_ring_and_reported_as_stuck(
    doorstep: Doorstep,
) -> None:
    doorstep.change("merge_s = 0.3", "merge_s = 0.3\nstuck_s = 1.0")
    doorstep.start()
    doorstep.ready()
    button = doorstep.state / "run" / "button.sock"
    tell(button, "down")
    doorstep.told()
    until(lambda: events(doorstep, "button_stuck"), 3.0, "stuck")
    tell(button, "up")
    until(lambda: len(events(doorstep, "button_stuck")) == 2, 3.0, "let go")
    assert [e["stuck"] for e in events(doorstep, "button_stuck")] == [True, False]
    (visit,) = doorstep.visits()
    assert visit.rings == 1
    assert len(doorstep.sink.received) == 1


def test_a_thousand_presses_a_minute_are_journalled_and_told_once_a_visit(
    doorstep: Doorstep,
) -> None:
    # 16 ms down, and the mock's own pause of 45 ms.
    doorstep.start()
    doorstep.ready()
    doorstep.stand("stranger")
    presses = 30
    for _ in range(presses):
        doorstep.press(held_ms=16)
    journal = doorstep.state / "journal"
    until(
        lambda: len(read_rings(journal, 0).rings) == presses, 8.0, "all in the journal"
    )
    until(lambda: sum(v.rings for v in doorstep.visits()) == presses, what="counted")
    assert len(doorstep.sink.received) == len(doorstep.visits())


def test_a_second_daemon_on_the_same_state_says_who_holds_it(
    doorstep: Doorstep,
) -> None:
    doorstep.start()
    doorstep.ready()
    command = [sys.executable, "-m", "doorbell.cli.main", "--config"]
    second = subprocess.run(
        [*command, str(doorstep.config), "run"],
        capture_output=True,
        text=True,
        timeout=8,
        check=False,
    )
    assert second.returncode == EXIT_UNAVAILABLE
    assert doorstep.process is not None
    assert f"process {doorstep.process.pid}" in second.stderr
    assert "hint:" in second.stderr
    doorstep.press()
    doorstep.told()


def test_sighup_with_a_bad_file_lists_every_mistake_and_changes_nothing(
    doorstep: Doorstep,
) -> None:
    doorstep.start()
    doorstep.ready()
    pids = [doorstep.pid(role) for role in WORKERS]
    text = doorstep.config.read_text()
    doorstep.config.write_text(
        text.replace("merge_s = 0.3", "merge_s = -1\nmerg_s = 2").replace(
            'engine = "fake"', 'engine = "crystal ball"'
        )
    )
    assert doorstep.process is not None
    doorstep.process.send_signal(signal.SIGHUP)
    (refused,) = until(lambda: events(doorstep, "settings_refused"), what="refusal")
    for mistake in ("merge_s", "merg_s", "crystal ball"):
        assert mistake in str(refused["error"])
    # A secret that is gone is a mistake too, found only when it is read.
    missing = 'url_file = "/does/not/exist"\ntimeout_s'
    url = f'url = "json://{doorstep.sink.address}/"\ntimeout_s'
    doorstep.config.write_text(text.replace(url, missing))
    doorstep.process.send_signal(signal.SIGHUP)
    until(lambda: len(events(doorstep, "settings_refused")) == 2, what="refusal")
    doorstep.press()
    doorstep.told()
    assert [doorstep.pid(role) for role in WORKERS] == pids


def test_sighup_takes_new_targets_and_rules(running: Doorstep) -> None:
    with Sink() as other:
        text = running.config.read_text()
        running.config.write_text(f"""{text}
[[notify.targets.rules]]
person = "Anna"
notify = false
[[notify.targets]]
name = "tablet"
url = "json://{other.address}/"
""")
        assert running.process is not None
        running.process.send_signal(signal.SIGHUP)
        until(lambda: events(running, "settings_reloaded"), what="reload")
        running.ready()
        running.stand("anna")
        running.press()
        assert other.wait_for(1, 6.0), running.tail()
        assert b"Anna" in other.received[0].body
        time.sleep(0.3)  # the one that must not hear would hear now
        assert running.sink.received == []


def test_a_target_that_hangs_delays_no_other(doorstep: Doorstep) -> None:
    with Sink("hang " * 9) as other:
        text = doorstep.config.read_text()
        doorstep.config.write_text(f"""{text}
[[notify.targets]]
name = "tablet"
url = "json://{other.address}/"
timeout_s = 2.0
""")
        doorstep.start()
        doorstep.ready()
        doorstep.stand("stranger")
        for count in (1, 2, 3):
            pressed_s = time.monotonic()
            doorstep.press()
            doorstep.told(count)
            assert time.monotonic() - pressed_s < 1.5
            time.sleep(0.4)  # beyond merge_s: the next ring is a visit of its own
        assert other.wait_for(1, 3.0)


def test_a_camera_that_went_away_lends_nobody_its_last_frames(
    running: Doorstep,
) -> None:
    running.stand("anna")
    aside = running.porch.with_name("aside")
    running.porch.rename(aside)
    os.kill(running.pid("capture"), signal.SIGKILL)
    until(lambda: events(running, "worker_died"), what="death")
    time.sleep(1.2)  # longer than the pre-roll
    running.press()
    (body,) = running.told()
    assert "Anna" not in body
    assert not json.loads(body)["attachments"]
    aside.rename(running.porch)
    time.sleep(0.4)  # the next press is another visit
    running.ready()
    running.press()
    assert "Anna" in running.told(2)[1]


def test_pictures_that_are_none_are_refused_and_cost_nothing(
    doorstep: Doorstep, tmp_path: Path
) -> None:
    doorstep.start()
    doorstep.ready()
    corpus = {
        "text.jpg": b"this is no picture",
        "empty.jpg": b"",
        "cut.png": (doorstep.porch / "anna.png").read_bytes()[:2000],
        "vector.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9"/>',
    }
    for name, content in corpus.items():
        path = tmp_path / name
        path.write_bytes(content)
        command = [sys.executable, "-m", "doorbell.cli.main", "--config"]
        done = subprocess.run(
            [*command, str(doorstep.config), "press", "--image", str(path), "--json"],
            capture_output=True,
            text=True,
            timeout=8,
            check=False,
        )
        assert done.returncode == EXIT_BAD_INPUT, done.stderr
        assert done.stderr.startswith("error: ")
        assert "hint: " in done.stderr
    assert doorstep.visits() == []
    doorstep.press()
    doorstep.told()


def test_a_test_push_says_so_when_the_target_is_down(doorstep: Doorstep) -> None:
    doorstep.change(f"{doorstep.sink.port}", "1")
    doorstep.start()
    doorstep.ready()
    (answer,) = doorstep.ask(TestTargets())
    assert isinstance(answer, TargetAnswered)
    assert answer.outcome == "retry"
    assert answer.detail
