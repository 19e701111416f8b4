"""The command line against a running daemon."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from doorbell.cli.main import main
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from doorstep import Doorstep

pytestmark = pytest.mark.timeout(20)  # a module's first test starts the daemon


def run(household: Doorstep, *words: str) -> int:
    return main(["--config", str(household.config), *words], environ={})


def shown(
    household: Doorstep, capsys: pytest.CaptureFixture[str], *words: str
) -> dict[str, object]:
    capsys.readouterr()
    assert run(household, *words, "--json") == 0
    last = capsys.readouterr().out.strip().splitlines()[-1]
    found: dict[str, object] = json.loads(last)
    return found


def test_press_answers_with_the_shape_scripts_rely_on(
    household: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    household.stand("anna")
    found = shown(household, capsys, "press")
    assert found["decision"] == "known"
    assert found["reason"] is None
    (face,) = found["faces"]  # type: ignore[misc] # a list, or the test fails
    assert face["name"] == "Anna"
    assert set(face) == {"decision", "name", "likeness", "margin", "box"}
    assert {"captured", "decision", "push"} <= set(found["timings_ms"])  # type: ignore[arg-type] # as above


def test_pictures_handed_in_are_looked_at_instead_of_the_camera(
    household: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    household.stand("nobody")
    stranger = str(household.porch / "stranger.png")
    found = shown(household, capsys, "press", "--image", stranger)
    assert found["decision"] == "unknown"


def test_a_file_that_is_no_picture_rings_nobody(
    household: Doorstep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(household.visits())
    text = tmp_path / "visitor.jpg"
    text.write_text("not a picture")
    assert run(household, "press", "--image", str(text)) == 65
    assert "picture" in capsys.readouterr().err
    assert len(household.visits()) == before


def test_look_saves_what_the_camera_sees(household: Doorstep, tmp_path: Path) -> None:
    household.stand("anna")
    target = tmp_path / "now.jpg"
    assert run(household, "look", "-o", str(target)) == 0
    assert target.read_bytes()[:3] == b"\xff\xd8\xff"


def test_enrolling_from_the_camera_and_from_a_visit(
    household: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    household.stand("ben")
    assert run(household, "enrol", "Ben", "--camera", "--consent", "Ben") == 0
    visit = shown(household, capsys, "press")
    assert visit["decision"] == "known"
    words = ("enrol", "Ben", "--add", "--from-visit", str(visit["visit"]))
    assert run(household, *words, "--consent", "Ben") == 0, capsys.readouterr().err
    people = shown(household, capsys, "people", "list")
    assert "Ben" in json.dumps(people)
    assert run(household, "people", "erase", "Ben", "--yes") == 0
    assert "Ben" not in json.dumps(shown(household, capsys, "people", "list"))


def test_a_photograph_of_somebody_else_is_refused(
    household: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    anna = str(household.porch / "anna.png")
    assert run(household, "enrol", "Eve", anna, "--consent", "Eve") == 65
    assert "somebody else: Anna" in "".join(capsys.readouterr())


def test_a_person_can_be_exported_and_renamed(
    household: Doorstep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "anna"
    assert run(household, "people", "export", "Anna", "-o", str(folder)) == 0
    content = json.loads((folder / "person.json").read_text())
    assert content["name"] == "Anna"
    assert len(list(folder.glob("*.jpg"))) == 2
    assert run(household, "people", "rename", "Anna", "Anna B") == 0
    assert run(household, "people", "rename", "Anna B", "Anna") == 0
    assert "is now" in capsys.readouterr().out


def test_a_visit_can_be_shown_and_labelled_by_a_prefix_of_its_id(
    household: Doorstep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    household.stand("anna")
    visit = str(shown(household, capsys, "press")["visit"])
    picture = tmp_path / "visit.jpg"
    assert run(household, "visits", "show", visit[:8], "-o", str(picture)) == 0
    assert picture.read_bytes()[:3] == b"\xff\xd8\xff"
    assert run(household, "visits", "label", visit[:8], "--stranger") == 0
    assert "Anna" in json.dumps(shown(household, capsys, "visits", "list"))


def test_a_test_push_is_marked_and_carries_a_picture(
    household: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(household.sink.received)
    assert run(household, "notify", "test") == 0
    until(lambda: len(household.sink.received) > before)
    body = json.loads(household.sink.received[-1].body)
    assert "test" in (body["title"] + body["message"]).lower()
    assert body["attachments"]
    assert "phone" in capsys.readouterr().out


def test_status_tells_of_every_process(
    household: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    found = shown(household, capsys, "status")
    roles = {worker["role"] for worker in found["workers"]}  # type: ignore[attr-defined] # a list, or the test fails
    assert roles == {"button", "audit", "notify", "capture", "vision"}


def test_a_second_daemon_is_refused_and_told_who_has_the_state(
    household: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(household, "run") == 69
    assert household.process is not None
    assert str(household.process.pid) in capsys.readouterr().err
