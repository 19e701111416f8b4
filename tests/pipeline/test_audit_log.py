"""The audit log of a running daemon: what is in it, and what is not done without it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep

from doorbell.cli.main import main
from doorbell.core.errors import DoorbellError
from doorbell.runtime import requests as r
from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until
from monitoring.logging.audit_export import records
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitoring.logging.chain import Record

ME = f"uid:{os.geteuid()}"


def folder(step: Doorstep) -> Folder:
    return Folder(str(step.state / "audit"))


def recorded(step: Doorstep, act: str) -> list[Record]:
    return [record for record in records(folder(step)) if record.act == act]


def until_recorded(step: Doorstep, act: str, count: int = 1) -> list[Record]:
    until(lambda: len(recorded(step, act)) >= count, 12.0, f"{count} {act}")
    return recorded(step, act)


def command(step: Doorstep, *words: str) -> int:
    return main(["--config", str(step.config), *words])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doorstep]:
    """A running doorbell at which Anna rang."""
    with Sink() as sink:
        step = Doorstep(tmp_path_factory.mktemp("house"), sink)
        step.start()
        step.ready()
        step.enrol("Anna", "anna")
        step.stand("anna")
        step.press()
        step.told()
        yield step
        step.kill()


def test_a_visit_is_recorded_step_by_step(house: Doorstep) -> None:
    ring = until_recorded(house, "ring.taken")[0]
    decision = until_recorded(house, "visit.decided")[0]
    push = until_recorded(house, "push.answered")[0]
    assert ring.obj == decision.obj == push.obj
    assert ring.obj.startswith("visit:")
    assert (ring.actor, decision.out, push.out) == ("visitor", "known", "sent")
    assert ring.seq < decision.seq < push.seq


def test_a_person_is_the_same_reference_in_every_record(house: Doorstep) -> None:
    enrolled = until_recorded(house, "person.enrolled")[0]
    faces = until_recorded(house, "visit.decided")[0].ctx["faces"]
    assert faces == [{"decision": "known", "person": enrolled.obj}]
    assert enrolled.actor == ME


def test_nobodys_name_is_in_it(house: Doorstep) -> None:
    command(house, "people", "rename", "Anna", "Berta")
    command(house, "people", "rename", "Berta", "Anna")
    until_recorded(house, "person.rename", 2)
    files = [path for path in house.state.glob("audit/*") if path.is_file()]
    content = b"".join(path.read_bytes() for path in files)
    address = str(house.sink.address).encode()
    for word in (b"Anna", b"Berta", b"anna", b"phone", address):
        assert word not in content


@pytest.mark.parametrize(
    ("words", "act"),
    [
        (("look", "-o", "PICTURE"), "camera.look"),
        (("visits", "show", "ID"), "picture.read"),
        (("visits", "label", "ID", "Anna"), "visit.label"),
        (("people", "export", "Anna", "-o", "DIR"), "person.export"),
    ],
)
def test_what_a_person_does_is_recorded_with_their_uid(
    house: Doorstep,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    act: str,
) -> None:
    visit = house.visits()[0].id
    places = {"ID": visit, "DIR": str(tmp_path / "out")}
    places["PICTURE"] = str(tmp_path / "look.jpg")
    before = len(recorded(house, act))
    command(house, *(places.get(word, word) for word in words))
    capsys.readouterr()
    found = recorded(house, act)
    assert len(found) == before + 1
    assert (found[-1].actor, found[-1].out) == (ME, "begun")


def test_a_deed_that_failed_is_recorded_as_failed(house: Doorstep) -> None:
    with pytest.raises(DoorbellError):
        list(house.ask(r.ErasePerson(who="Nobody at all")))
    until(
        lambda: (
            [one.out for one in recorded(house, "person.erase")] == ["begun", "failed"]
        ),
        5.0,
        "both",
    )
    assert recorded(house, "person.erase")[0].obj == "person:unknown"


def test_a_change_of_settings_is_recorded(house: Doorstep) -> None:
    house.change("retry_first_s = 0.2", "retry_first_s = 0.3")
    assert house.process is not None
    house.process.send_signal(signal.SIGHUP)
    found = until_recorded(house, "settings.change")[0]
    assert found.ctx["sections"] == ["notify"]


def test_the_log_of_a_running_daemon_verifies(
    house: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(house, "audit", "verify", "--every-field") == 0
    assert "intact" in capsys.readouterr().out


@pytest.fixture
def impatient(doorstep: Doorstep) -> Doorstep:
    """A running doorbell with Anna enrolled that waits half a second for a record."""
    doorstep.write_settings("[audit]\npatience_s = 0.5\n" + doorstep.target())
    doorstep.change("progress_timeout_s = 1.5", "progress_timeout_s = 30.0")
    doorstep.start()
    doorstep.ready()
    doorstep.enrol("Anna", "anna")
    return doorstep


def test_what_cannot_be_recorded_is_not_done_and_rings_go_on(
    impatient: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    doorstep = impatient
    writer = doorstep.pid("audit")
    os.kill(writer, signal.SIGSTOP)
    try:
        assert command(doorstep, "people", "rename", "Anna", "Berta") == 69
        assert "cannot be recorded" in capsys.readouterr().err
        doorstep.press()
        assert doorstep.told()
    finally:
        os.kill(writer, signal.SIGCONT)
    assert command(doorstep, "people", "list") == 0
    assert "Anna" in capsys.readouterr().out
    # What waited meanwhile is there in the end.
    until_recorded(doorstep, "ring.taken")
    until_recorded(doorstep, "push.answered")
    assert [one.out for one in until_recorded(doorstep, "person.rename", 2)] == [
        "begun",
        "refused",
    ]


def test_a_killed_writer_comes_back_and_the_log_is_whole(running: Doorstep) -> None:
    for _ in range(3):
        before = running.pid("audit")
        os.kill(before, signal.SIGKILL)
        until(
            lambda old=before: running.is_up("audit") and running.pid("audit") != old,  # type: ignore[misc] # bound now
            10.0,
            "another writer",
        )
        list(running.ask(r.RenamePerson(who="Anna", name="Anna")))
    assert running.stop() == 0
    report = verify(folder(running))
    assert (report.code, report.findings) == (0, [])
    assert recorded(running, "doorbell.stopped")


def test_a_unit_of_its_own_writes_for_the_daemon(doorstep: Doorstep) -> None:
    unit = subprocess.Popen(
        [
            *(sys.executable, "-m", "monitoring.logging.audit_writer"),
            *("--config", str(doorstep.config)),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        socket = doorstep.state / "audit" / "writer.sock"
        until(socket.exists, 10.0, "a writer")
        doorstep.start()
        status = until(doorstep.status, 20.0, "an answer")
        assert status is not None
        assert "audit" not in {worker.role for worker in status.workers}
        assert command(doorstep, "people", "export", "Nobody", "-o", "x") == 65
        assert recorded(doorstep, "person.export")
        doorstep.stop()
    finally:
        unit.terminate()
        assert unit.wait(10) == 0
    report = verify(folder(doorstep))
    assert (report.code, report.covered) == (0, report.size)


def test_a_command_without_a_daemon_records_for_itself(
    doorstep: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(doorstep, "people", "list") == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", None)
        assert command(doorstep, "people", "export", "Nobody", "-o", "x") == 65
    capsys.readouterr()
    assert [one.out for one in recorded(doorstep, "person.export")] == [
        "begun",
        "failed",
    ]
    assert verify(folder(doorstep)).code == 0
