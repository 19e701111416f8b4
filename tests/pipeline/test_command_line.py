"""The program `doorbell` as a person and a script meet it."""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from doorbell.cli.main import build_parser, main
from doorbell.core.decision import Box, Decision, FaceVerdict
from doorbell.core.errors import (
    BadInputError,
    DoorbellError,
    HardwareAbsentError,
    UnavailableError,
)
from doorbell.core.ring import Ring
from doorbell.core.stamp import Stamp
from doorbell.runtime import replies
from doorbell.runtime import requests as r
from doorbell.testing.connection import ScriptedConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON_S = 1_780_000_000.0  # 2026-05-28 20:26:40 UTC
ZONE = {"DOORBELL_NOTIFY__TIMEZONE": "Europe/Amsterdam"}


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.loader.DEFAULT_PATH", tmp_path / "absent.toml")


@pytest.fixture
def no_leak() -> Iterator[None]:
    """Every descriptor that came with a reply is closed."""
    before = set(Path("/proc/self/fd").iterdir())
    yield
    assert set(Path("/proc/self/fd").iterdir()) == before


def ran(
    *argv: str, environ: dict[str, str] | None = None, **script: list[Any]
) -> tuple[int, ScriptedConnection]:
    hub = ScriptedConnection(script)
    code = main(argv, connect=hub, environ={**ZONE, **(environ or {})})
    assert not hub.is_open
    return code, hub


def erasing(*argv: str) -> tuple[int, ScriptedConnection]:
    return ran(
        *("people", "erase", "Ada", *argv),
        ShowPerson=[replies.Person(person=person(), visits=2)],
        ErasePerson=[replies.Erased(name="Ada", photos=3, pictures=2)],
    )


def ring(*, durable: bool = True) -> Ring:
    stamp = Stamp(boot_id="b" * 32, mono_ns=1, wall_ns=1, synced=True)
    return Ring(1 if durable else 0, "a" * 32, "command", stamp, durable)


def face(
    decision: Decision = Decision.KNOWN,
    name: str | None = "Ada",
    label: str | None = None,
) -> replies.VisitFace:
    verdict = FaceVerdict(decision, "p1", 0.62, 0.1, Box(1, 2, 3, 4))
    return replies.VisitFace(verdict, name, label)


def visit(**more: object) -> replies.Visit:
    facts: dict[str, Any] = {
        "id": "v1",
        "ring": ring(),
        "at_s": NOON_S,
        "rings": 1,
        "state": "told",
        "decision": "known",
        "faces": [face()],
        "timings_ms": {"decided": 812.4, "rung": 3.0},
        "told": {"phone": "sent"},
    }
    return replies.Visit(view=replies.VisitView(**{**facts, **more}))


def person(name: str = "Ada", **more: object) -> replies.PersonView:
    facts: dict[str, Any] = {
        "id": "p1",
        "name": name,
        "consent": "Ada",
        "enrolled_s": NOON_S,
        "photos": 3,
    }
    return replies.PersonView(**{**facts, **more})


def accepted(**more: bool) -> replies.Accepted:
    return replies.Accepted(ring=ring(**more), visit="v1")


def every_command() -> list[list[str]]:
    found: list[list[str]] = []

    def walk(parser: argparse.ArgumentParser, words: list[str]) -> None:
        found.append(words)
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, inner in action.choices.items():
                    walk(inner, [*words, name])

    walk(build_parser(), [])
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_helps_with_an_example(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == 0
    assert "example:\n  " in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["rign"],
        ["press", "--imag", "x"],
        ["enrol", "Ada", "x.jpg"],
        ["visits", "label", "v1"],
        ["visits", "label", "v1", "Ada", "--stranger"],
        ["visits", "label", "v1", "Ada", "--face", "0"],
        ["visits", "list", "--limit", "0"],
        ["enrol", "Ada", "--consent", "Ada"],
        ["enrol", " ", "x.jpg", "--consent", "Ada"],
        ["enrol", "Ada", "--camera", "--consent", "Ada", "--face", "1"],
        ["people", "rename", "Ada", " "],
        ["notify"],
    ],
    ids=" ".join,
)
def test_words_that_make_no_sense_are_refused_with_2(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, hub = ran(*argv)
    assert code == 2
    assert hub.requests() == []
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DoorbellError("x", hint="h"), 1),
        (BadInputError("x", hint="h"), 65),
        (UnavailableError("x", hint="h"), 69),
        (HardwareAbsentError("x", hint="h"), 75),
    ],
)
def test_an_error_has_its_exit_code_and_a_hint(
    error: DoorbellError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran("status", ShowStatus=[error])[0] == code
    assert capsys.readouterr().err == "error: x\nhint: h\n"


def test_bad_settings_end_a_command_with_78_before_it_connects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[button]\npin = 99\n[camera]\nwidth = 1\n")
    for argv in (["--config", str(path), "press"], ["press", "--config", str(path)]):
        code, hub = ran(*argv)
        assert (code, hub.roles) == (78, None)
        err = capsys.readouterr().err
        assert f"{path}:2: button.pin" in err
        assert f"{path}:4: camera.width" in err


def test_a_bug_is_one_line_and_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert ran("status", ShowStatus=[ValueError("odd\nthing")])[0] == 1
    first, hint, number = capsys.readouterr().err.splitlines()
    assert first == "error: this is a bug: ValueError: odd"
    (trace,) = tmp_path.glob("*.traceback")
    assert str(trace) in hint
    assert "Traceback" in trace.read_text()
    # What a person reports and what the file says are found by the same id.
    assert number in trace.read_text()


def test_ctrl_c_ends_with_130_and_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ran("press", PressRequest=[KeyboardInterrupt()])[0] == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_reader_that_went_away_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Closed())
    assert ran("people", ListPeople=[replies.People(people=[])])[0] == 141
    assert capsys.readouterr().err == ""


def test_head_in_a_pipe_is_quiet() -> None:
    command = f"{sys.executable} -m doorbell.cli.main config schema | head -1"
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=True
    )
    assert done.stdout == "{\n"
    assert done.stderr == ""


def test_a_name_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    people = [person("Ada\x1b[2J\n\u202eevil")]
    ran("people", ListPeople=[replies.People(people=people)])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert len(out.splitlines()) == 2


# config


def test_config_check_lists_mistakes_for_scripts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[button]\npin = 99\n")
    assert ran("--config", str(path), "config", "check", "--json")[0] == 78
    report = json.loads(capsys.readouterr().out)
    (found,) = report["mistakes"]
    assert (report["ok"], found["key"], found["line"]) == (False, "button.pin", 2)


def test_config_check_says_what_is_unwise(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("config", "check")[0] == 0
    out = capsys.readouterr().out
    assert out.startswith("the settings are right\n")
    assert "advice: notify.targets: there is no target" in out


@pytest.mark.parametrize(
    ("mode", "said"), [(0o644, True), (0o600, False), (None, True)]
)
def test_config_check_looks_at_the_files_of_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: int | None, said: bool
) -> None:
    secret = tmp_path / "url"
    if mode is not None:
        secret.write_text("tgram://x/y")
        secret.chmod(mode)
    targets = f'[{{name = "a", url_file = "{secret}"}}]'
    ran("config", "check", environ={"DOORBELL_NOTIFY__TARGETS": targets})
    assert ("advice: notify.targets[0].url_file" in capsys.readouterr().out) is said


def test_config_show_masks_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    targets = '[{name = "a", url = "tgram://1234567:canary/1"}]'
    for more in ([], ["--json"]):
        ran("config", "show", *more, environ={"DOORBELL_NOTIFY__TARGETS": targets})
        out = capsys.readouterr().out
        assert "canary" not in out
        assert "tgram://***" in out


def test_config_schema_is_a_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"], environ={}) == 0
    schema = json.loads(capsys.readouterr().out)
    assert "Button" in schema["$defs"]


# press


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


# people


def test_people_are_listed_in_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    people = [person(), person("Grace Hopper", enrolled_s=None, photos=12)]
    assert ran("people", ListPeople=[replies.People(people=people)])[0] == 0
    assert capsys.readouterr().out == (
        "NAME          PHOTOS  ENROLLED                      CONSENT BY\n"
        "Ada           3       2026-05-28 22:26:40           Ada\n"
        "Grace Hopper  12      time unknown (clock not set)  Ada\n"
    )


@pytest.mark.parametrize("argv", [["people", "list", "--json"], ["people", "--json"]])
def test_people_are_listed_for_scripts(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ran(*argv, ListPeople=[replies.People(people=[person()])])
    (found,) = json.loads(capsys.readouterr().out)["people"]
    assert found["enrolled"] == "2026-05-28T20:26:40.000Z"


def test_a_person_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    found = replies.Person(person=person(), visits=2, last_visit_s=NOON_S)
    code, hub = ran("people", "show", "Ada", ShowPerson=[found])
    assert (code, hub.requests()) == (0, [r.ShowPerson(who="Ada")])
    assert "last visit   2026-05-28 22:26:40" in capsys.readouterr().out


def test_a_person_is_renamed() -> None:
    code, hub = ran(
        "people", "rename", "Ada", " Ada L. ", RenamePerson=[replies.Done()]
    )
    assert (code, hub.requests()) == (0, [r.RenamePerson(who="Ada", name="Ada L.")])


class Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "erased"),
    [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False), ("", False)],
)
def test_erasing_asks_first(
    typed: str, erased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Keyboard(typed))
    code, hub = erasing()
    assert (r.ErasePerson(who="p1") in hub.requests()) is erased
    assert code == (0 if erased else 130)


def test_erasing_without_a_terminal_needs_a_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    code, hub = erasing()
    assert code == 2
    assert r.ErasePerson(who="p1") not in hub.requests()
    code, hub = erasing("--yes", "--json")
    assert code == 0
    assert r.ErasePerson(who="p1") in hub.requests()
    assert json.loads(capsys.readouterr().out)["erased"] == "Ada"


@pytest.mark.usefixtures("no_leak")
def test_an_export_is_written_for_its_owner_only(tmp_path: Path) -> None:
    files = [
        (replies.Exported(filename="person.json"), b"{}"),
        (replies.Exported(filename="photo-1.jpg"), b"JPEG"),
    ]
    folder = tmp_path / "out"
    argv = ["people", "export", "Ada", "-o", str(folder)]
    assert ran(*argv, ExportPerson=files)[0] == 0
    assert (folder / "photo-1.jpg").read_bytes() == b"JPEG"
    assert (folder / "person.json").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert ran(*argv, ExportPerson=files)[0] == 65, "nothing is replaced"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/b", "", ".hidden", ".."])
@pytest.mark.usefixtures("no_leak")
def test_an_export_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "out"
    files = [(replies.Exported(filename=name), b"x")]
    argv = ["people", "export", "Ada", "-o", str(folder)]
    assert ran(*argv, ExportPerson=files)[0] == 65
    assert not list(tmp_path.rglob("*evil*"))


# visits


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


# look, notify, status


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


def test_status_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    workers = [replies.WorkerView("vision", "running", 42, 1, "dlib")]
    status = replies.Status(
        version="1",
        uptime_s=3.2,
        workers=workers,
        camera="ok",
        engine="dlib",
        people=2,
        outbox=0,
    )
    assert ran("status", ShowStatus=[status])[0] == 0
    assert "vision  running  42" in capsys.readouterr().out
    ran("status", "--json", ShowStatus=[status])
    report = json.loads(capsys.readouterr().out)
    assert report["workers"][0]["role"] == "vision"
    assert "type" not in report


def test_a_hub_that_says_nothing_is_an_error_and_no_bug() -> None:
    assert ran("status")[0] == 69


def test_commands_start_without_heavy_imports() -> None:
    code = (
        "import sys, doorbell.cli.main; "
        "print([m for m in ('cv2','numpy','PIL','dlib','apprise') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_program_runs_as_installed() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("doorbell"), "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("doorbell ")
