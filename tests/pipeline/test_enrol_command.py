"""`doorbell enrol`: all or nothing, and every photograph accounted for."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from doorbell.cli.main import main
from doorbell.core.errors import BadInputError
from doorbell.runtime import replies
from doorbell.runtime import requests as r
from doorbell.testing.connection import ScriptedConnection

if TYPE_CHECKING:
    from pathlib import Path

ENROLLED = replies.Enrolled(
    person=replies.PersonView(
        id="p1", name="Ada", consent="Ada", enrolled_s=None, photos=2
    ),
    separation=replies.Separation(
        photos=9,
        right=8,
        worst=[("b.jpg", "nearer to Bea")],
        lookalikes=[replies.Lookalike("Ada", "Bea", 0.48)],
    ),
)


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.loader.DEFAULT_PATH", tmp_path / "absent.toml")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("b.JPG", "a.png", "c.heic", "d.webp", "notes.txt", "e.jpeg"):
        (folder / name).write_bytes(name.encode())
    (folder / "deeper.jpg").mkdir()
    return folder


def enrolling(*argv: str, **script: list[Any]) -> tuple[int, ScriptedConnection]:
    usual: dict[str, list[Any]] = {
        "EnrolPhoto": [replies.PhotoJudged(label="x", accepted=True)],
        "EnrolVisit": [replies.PhotoJudged(label="visit", accepted=True)],
        "EnrolCamera": [replies.PhotoJudged(label="camera", accepted=True)],
        "EnrolCommit": [ENROLLED],
    }
    hub = ScriptedConnection({**usual, **script})
    code = main(["enrol", *argv], connect=hub, environ={})
    assert not hub.is_open
    return code, hub


def committed(hub: ScriptedConnection) -> bool:
    return r.EnrolCommit() in hub.requests()


def test_photographs_of_a_folder_go_in_order_and_the_commit_is_last(
    photos: Path,
) -> None:
    code, hub = enrolling(" Ada ", str(photos), "--consent", "Ada", "--add")
    assert code == 0
    first, *middle, last = hub.asked
    assert first == (r.EnrolBegin(name="Ada", consent="Ada", more=True), [])
    assert last == (r.EnrolCommit(), [])
    sent = [content for _, contents in middle for content in contents]
    assert sent == [b"a.png", b"b.JPG", b"c.heic", b"d.webp", b"e.jpeg"]
    assert hub.roles == frozenset({"vision"})


def test_a_visit_and_the_camera_can_be_sources() -> None:
    argv = ["Ada", "--consent", "Ada", "--from-visit", "v1", "--face", "2", "--camera"]
    code, hub = enrolling(*argv)
    assert code == 0
    assert hub.requests()[1:3] == [r.EnrolVisit(visit="v1", face=2), r.EnrolCamera()]
    assert hub.roles == frozenset({"vision", "capture"})


def test_a_refused_photograph_is_named_with_its_reason(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = replies.PhotoJudged(label="a.png", accepted=False, reason="two faces")
    argv = ["Ada", str(photos / "a.png"), "--camera", "--consent", "Ada"]
    assert enrolling(*argv, EnrolPhoto=[refused])[0] == 0
    assert "refused a.png: two faces\n" in capsys.readouterr().out


def test_without_one_usable_photograph_nothing_is_stored(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = replies.PhotoJudged(label="a.png", accepted=False, reason="no face")
    argv = ["Ada", str(photos / "a.png"), "--consent", "Ada"]
    code, hub = enrolling(*argv, EnrolPhoto=[refused])
    assert (code, committed(hub)) == (65, False)
    assert "a.png: no face" in capsys.readouterr().err


def test_a_name_the_hub_refuses_ends_before_any_photograph(photos: Path) -> None:
    error = BadInputError("Ada is already enrolled")
    code, hub = enrolling("Ada", str(photos), "--consent", "Ada", EnrolBegin=[error])
    assert (code, len(hub.asked)) == (65, 1)


def test_ctrl_c_in_the_middle_leaves_nothing_half_enrolled(photos: Path) -> None:
    argv = ["Ada", str(photos), "--consent", "Ada"]
    code, hub = enrolling(*argv, EnrolPhoto=[KeyboardInterrupt()])
    assert (code, committed(hub)) == (130, False)


@pytest.mark.parametrize("name", ["absent.jpg", "empty"])
def test_what_is_not_there_is_said_before_the_hub_is_asked(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "empty").mkdir()
    code, hub = enrolling("Ada", str(tmp_path / name), "--consent", "Ada")
    assert (code, hub.asked) == (65, [])


def test_how_well_the_gallery_separates_is_said(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enrolling("Ada", str(photos), "--consent", "Ada")
    out = capsys.readouterr().out
    assert "Ada is enrolled with 2 photographs\n" in out
    assert "8 of 9 photographs right" in out
    assert "this one hurts: b.jpg: nearer to Bea" in out
    assert "look alike: Ada and Bea (likeness 0.48)" in out


def test_a_script_gets_one_object(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enrolling("Ada", str(photos), "--consent", "Ada", "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["person"]["name"] == "Ada"
    assert len(report["accepted"]) == 5
    assert report["refused"] == []
    assert report["separation"]["lookalikes"][0]["other"] == "Bea"


def test_progress_is_told_to_the_person_and_not_to_the_script(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enrolling("Ada", str(photos), "--consent", "Ada", "--json")
    out, err = capsys.readouterr()
    assert "5/5 " in err
    assert out.count("\n") == 1


def test_a_terminal_gets_a_bar_or_lines_without_tqdm(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for has_tqdm in (True, False):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        if not has_tqdm:
            monkeypatch.setitem(sys.modules, "tqdm", None)
        assert enrolling("Ada", str(photos), "--consent", "Ada")[0] == 0
        assert ("1/5 " in terminal.getvalue()) is not has_tqdm
