"""Commands that ring, look, show visits and try targets."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Literal

import pytest
from scripted_commands import accepted, face, ran, visit

from doorbell.core.decision import Decision
from doorbell.runtime import replies
from doorbell.runtime import requests as r

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("no_settings_of_this_machine")


@pytest.mark.usefixtures("no_leak")
def test_press_prints_the_shape_scripts_lean_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"JPEG")
    views = [visit(decision="", state="captured", faces=[]), visit()]
    code, hub = ran(
        "press", "--image", str(picture), "--json", PressRequest=[accepted(), *views]
    )
    assert code == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "visit": "v1",
        "decision": "known",
        "reason": None,
        "faces": [
            {
                "decision": "known",
                "name": "Ada",
                "likeness": 0.62,
                "margin": 0.1,
                "box": [1, 2, 3, 4],
            }
        ],
        "timings_ms": {"decision": 812.4, "rung": 3.0},
    }
    assert hub.asked == [(r.PressRequest(wait=True), [b"JPEG"])]
    assert hub.roles == frozenset({"button", "vision", "notify"})


def test_press_without_pictures_needs_the_camera() -> None:
    assert "capture" in (
        ran("press", PressRequest=[accepted(), visit()])[1].roles or ()
    )


def test_a_visit_without_decision_is_degraded_with_its_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    late = visit(decision="", state="degraded", reason="vision hung", faces=[])
    assert ran("press", "--json", PressRequest=[accepted(), late])[0] == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["decision"], report["reason"]) == ("degraded", "vision hung")


def test_press_no_wait_is_content_with_the_journal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, hub = ran("press", "--no-wait", PressRequest=[accepted()])
    assert (code, capsys.readouterr().out) == (0, "v1\n")
    assert hub.requests() == [r.PressRequest(wait=False)]


@pytest.mark.parametrize(
    "heard", [[], [accepted()], [accepted(durable=False), visit()]]
)
def test_a_ring_not_journalled_or_not_answered_exits_69(
    heard: list[replies.Reply], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran("press", PressRequest=heard)[0] == 69
    assert "error: " in capsys.readouterr().err


def test_press_refuses_pictures_before_it_rings(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.jpg")
    many = tmp_path / "many"
    many.mkdir()
    for number in range(17):
        (many / f"{number}.jpg").write_bytes(b"x")
    cases = {"absent.jpg": 65, "fifo.jpg": 65, "many": 2}
    for name, code in cases.items():
        got, hub = ran("press", "--image", str(tmp_path / name))
        assert (got, hub.requests()) == (code, [])


def test_visits_are_listed_the_stranger_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    faces = [face(), face(Decision.UNKNOWN, None), face(Decision.UNSURE, "Bea")]
    views = [
        visit(faces=faces).view,
        visit(id="v2", at_s=None, faces=[], decision="nobody", rings=3).view,
        visit(id="v3", faces=[face(label="")]).view,
        visit(id="v4", faces=[], decision="", reason="too dark").view,
    ]
    code, hub = ran(
        "visits", "list", "--limit", "4", ListVisits=[replies.Visits(views=views)]
    )
    assert (code, hub.requests()) == (0, [r.ListVisits(limit=4)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("unknown person, Ada, perhaps Bea")
    assert "time unknown (clock not set)" in lines[2]
    assert lines[2].endswith("nobody to be seen")
    assert lines[3].endswith("Ada (really nobody enrolled)")
    assert lines[4].endswith("too dark")


def test_visits_are_listed_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    ran("visits", "--json", ListVisits=[replies.Visits(views=[visit(at_s=None).view])])
    (found,) = json.loads(capsys.readouterr().out)["visits"]
    assert (found["visit"], found["at"]) == ("v1", None)
    # What targets said is asked for one visit at a time.
    assert "told" not in found


def test_rings_that_no_disk_had_are_listed_below(
    capsys: pytest.CaptureFixture[str],
) -> None:
    missed = replies.Visits(views=[], undurable=[replies.Undurable("r1", "mock", None)])
    ran("visits", ListVisits=[missed])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "no visits"
    assert "not on the card when they rang" in lines[2]
    assert lines[3].startswith("r1  time unknown")
    ran("visits", "--json", ListVisits=[missed])
    (ring,) = json.loads(capsys.readouterr().out)["undurable"]
    assert ring == {"ring": "r1", "source": "mock", "at": None}


def test_a_time_beyond_the_calendar_is_no_bug() -> None:
    views = [visit(at_s=1e20).view]
    assert ran("visits", ListVisits=[replies.Visits(views=views)])[0] == 0


@pytest.mark.usefixtures("no_leak")
def test_a_visit_is_shown_and_its_picture_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = [(visit(has_picture=True), b"JPEG")]
    assert ran("visits", "show", "v1", ShowVisit=shown)[0] == 0
    out = capsys.readouterr().out
    assert "Ada, likeness 0.62, margin 0.10" in out
    assert "after 812 ms" in out
    path = tmp_path / "v.jpg"
    path.write_bytes(b"old")
    assert ran("visits", "show", "v1", "-o", str(path), ShowVisit=shown)[0] == 0
    assert path.read_bytes() == b"JPEG"
    assert list(tmp_path.iterdir()) == [path]


def test_a_picture_can_go_to_standard_output(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    assert (
        ran("visits", "show", "v1", "-o", "-", ShowVisit=[(visit(), b"JP\xff")])[0] == 0
    )
    assert capfdbinary.readouterr().out == b"JP\xff"


@pytest.mark.usefixtures("no_leak")
def test_a_picture_that_is_not_there_or_cannot_be_saved(tmp_path: Path) -> None:
    out = str(tmp_path / "no" / "v.jpg")
    assert ran("visits", "show", "v1", "-o", out, ShowVisit=[visit()])[0] == 65
    got = ran("visits", "show", "v1", "-o", out, ShowVisit=[(visit(), b"J")])[0]
    assert got == 69


@pytest.mark.parametrize(
    ("argv", "request_"),
    [
        (["Ada"], r.LabelVisit(visit="v1", face=1, who="Ada")),
        (["--stranger", "--face", "2"], r.LabelVisit(visit="v1", face=2, who="")),
    ],
)
def test_a_visit_is_labelled(
    argv: list[str], request_: r.LabelVisit, capsys: pytest.CaptureFixture[str]
) -> None:
    done = replies.Done(note="face 1 of visit v1 is as said")
    code, hub = ran("visits", "label", "v1", *argv, LabelVisit=[done])
    assert (code, hub.requests()) == (0, [request_])
    assert capsys.readouterr().out == "face 1 of visit v1 is as said\n"


@pytest.mark.usefixtures("no_leak")
def test_look_saves_what_the_camera_sees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "door.jpg"
    looked = replies.Looked(camera="ok", faces=[face(), face(Decision.UNKNOWN, None)])
    code, hub = ran("look", "-o", str(path), LookRequest=[(looked, b"JPEG")])
    assert (code, hub.roles) == (0, frozenset({"capture", "vision"}))
    assert path.read_bytes() == b"JPEG"
    assert capsys.readouterr().out == f"{path}: Ada, unknown person\n"


def test_look_without_a_camera_exits_75(tmp_path: Path) -> None:
    looked = replies.Looked(camera="absent", faces=[])
    path = tmp_path / "door.jpg"
    assert ran("look", "-o", str(path), LookRequest=[looked])[0] == 75
    assert not path.exists()


TARGETS = {
    "DOORBELL_NOTIFY__TARGETS": '[{name="a",url="console:"},{name="b",url="file:/x"}]'
}


@pytest.mark.parametrize(
    ("outcome", "code"), [("sent", 0), ("retry", 69), ("refused", 69)]
)
def test_notify_test_succeeds_only_if_every_target_took_it(
    outcome: Literal["sent", "retry", "refused"],
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers = [
        replies.TargetAnswered(target="a", outcome="sent", took_ms=12.6),
        replies.TargetAnswered(target="b", outcome=outcome, detail="gone"),
    ]
    got, hub = ran("notify", "test", environ=TARGETS, TestTargets=answers)
    assert (got, hub.roles) == (code, frozenset({"notify"}))
    assert "a       sent" in capsys.readouterr().out


def test_notify_test_needs_a_target_that_exists() -> None:
    assert ran("notify", "test")[0] == 78
    code, hub = ran("notify", "test", "c", environ=TARGETS)
    assert (code, hub.requests()) == (2, [])


def test_notify_test_without_answers_is_no_success() -> None:
    assert ran("notify", "test", environ=TARGETS)[0] == 69
