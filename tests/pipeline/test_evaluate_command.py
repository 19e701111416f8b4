"""`doorbell evaluate` on painted faces: the fake engine knows every hue."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import cv2
import pytest

from doorbell.cli.main import main
from doorbell.core.decision import Box, Decision, FaceVerdict
from doorbell.core.ring import Ring
from doorbell.core.stamp import Stamp
from doorbell.evaluation.photographs import DataSetError, Half, by_person, read_pairs
from doorbell.runtime import replies
from doorbell.testing.connection import ScriptedConnection
from doorbell.testing.faces import Marker, scene

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = [f"person_{number:02}" for number in range(12)]
FACE = Box(70, 70, 100, 100)


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.loader.DEFAULT_PATH", tmp_path / "absent.toml")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Twelve people, thirty degrees of hue apart, with four photographs each."""
    album = tmp_path / "album"
    for number, name in enumerate(PEOPLE):
        for photo in range(1, 5):
            folder = album / name
            folder.mkdir(parents=True, exist_ok=True)
            # A grey of its own, so that no two files are equal.
            picture = scene(240, 240, [Marker(number * 30.0, FACE)], 90 + photo)
            cv2.imwrite(str(folder / f"{name}_{photo:04}.png"), picture[..., ::-1])
    return album


def evaluated(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, *argv: str
) -> tuple[int, dict[str, object], str]:
    code = main(
        ["evaluate", *argv], environ={"DOORBELL_CACHE": str(tmp_path / "cache")}
    )
    printed = capsys.readouterr()
    report = json.loads(printed.out) if printed.out.startswith("{") else {}
    return code, report, printed.out + printed.err


def openset(album: Path, *more: str) -> list[str]:
    size = ["--people", "6", "--draws", "2", "--engine", "fake"]
    return ["openset", str(album), *size, *more]


def test_people_of_other_hues_are_told_apart_and_strangers_not_named(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report, _ = evaluated(
        capsys, tmp_path, *openset(album, "--json", "--conditions", "none")
    )
    assert code == 0
    galleries = report["galleries"]
    assert isinstance(galleries, list)
    assert [one["people"] for one in galleries] == [5, 6]
    assert galleries[1]["rank1"]["value"] == 1.0
    assert galleries[1]["tpir"]["0.01"]["value"] == 1.0
    assert galleries[1]["told"]["own_named"]["value"] == 1.0
    assert galleries[1]["told"]["strangers_named"]["value"] == 0.0
    assert report["unread"] == 0


def test_no_photograph_is_read_twice(
    album: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    argv = openset(album, "--conditions", "none")
    assert evaluated(capsys, tmp_path, *argv)[0] == 0
    monkeypatch.setattr(
        "doorbell.testing.faces.FakeDetector.detect",
        lambda *_: pytest.fail("a picture was read that is in the cache"),
    )
    assert evaluated(capsys, tmp_path, *argv)[0] == 0


def test_cache_is_the_owners_alone(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated(capsys, tmp_path, *openset(album, "--conditions", "none"))
    folder = tmp_path / "cache" / "evaluation"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "faces.db").stat().st_mode & 0o077 == 0


def test_interrupted_run_keeps_what_it_read(
    album: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from doorbell.testing import faces  # noqa: PLC0415 - its method is counted here

    read = 0
    detect = faces.FakeDetector.detect

    def counted(self: faces.FakeDetector, rgb: faces.NDArray, least: int) -> object:
        nonlocal read
        read += 1
        if read == 10:
            raise KeyboardInterrupt
        return detect(self, rgb, least)

    monkeypatch.setattr(faces.FakeDetector, "detect", counted)
    argv = openset(album, "--conditions", "none")
    assert evaluated(capsys, tmp_path, *argv)[0] == 130
    assert evaluated(capsys, tmp_path, *argv)[0] == 0
    assert read == 10 + len(PEOPLE) * 4 - 9


def test_every_condition_and_every_table_is_shown(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, printed = evaluated(capsys, tmp_path, *openset(album))
    assert code == 0
    for words in ("TPIR at FPIR 1 %", "strangers named", "backlight", "cap", "mask"):
        assert words in printed


def test_frames_of_a_visit_are_judged_together_and_alone(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["burst", str(album), "--people", "5", "--draws", "1", "--visits", "5"]
    code, report, _ = evaluated(capsys, tmp_path, *argv, "--engine", "fake", "--json")
    assert code == 0
    assert report["own_visits"] == 5
    assert 2 <= float(str(report["frames"])) <= 8


def test_pairs_are_made_of_a_folder(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["pairs", str(album), "--engine", "fake", "--json"]
    code, report, _ = evaluated(capsys, tmp_path, *argv)
    assert code == 0
    assert (report["pairs"], report["same"]) == (24, 12)
    assert report["tar"] == {"0.001": 1.0, "0.01": 1.0, "0.1": 1.0}


def test_drawing_is_a_picture_of_some_size(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    drawing = tmp_path / "drawing.png"
    argv = openset(album, "--conditions", "none", "--plot", str(drawing))
    assert evaluated(capsys, tmp_path, *argv)[0] == 0
    assert cv2.imread(str(drawing)).shape[1] > 1000


def test_drawing_without_matplotlib_says_what_to_install(
    album: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    argv = openset(album, "--conditions", "none", "--plot", str(tmp_path / "x.png"))
    code, _, printed = evaluated(capsys, tmp_path, *argv)
    assert code == 69
    assert "doorbell-edge[evaluation]" in printed


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["openset", "absent", "--engine", "fake"], 65, "no folder"),
        (["openset", "{album}", "--engine", "fake"], 65, "too few"),
        (["calibrate", "{album}", "--engine", "fake"], 65, "too few"),
        (["openset", "{album}", "--people", "0"], 2, "--people"),
        (["pairs", "{album}/x.tsv", "--engine", "fake"], 65, "cannot be read"),
        ([], 2, "calibrate"),
    ],
)
def test_what_cannot_be_measured_gets_a_clear_answer(  # noqa: PLR0913, PLR0917 - three fixtures and three cases
    album: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    argv: list[str],
    code: int,
    words: str,
) -> None:
    said = [word.replace("{album}", str(album)) for word in argv]
    found, _, printed = evaluated(capsys, tmp_path, *said)
    assert (found, words in printed) == (code, True), printed


def test_photograph_that_is_none_is_named(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (album / PEOPLE[0] / "notes.jpg").write_bytes(b"no picture")
    code, _, printed = evaluated(capsys, tmp_path, *openset(album))
    assert code == 65
    assert "notes.jpg is no picture" in printed


def test_halves_are_apart_and_make_the_whole(album: Path) -> None:
    whole = by_person(album)
    derived, reported = by_person(album, Half.DERIVED), by_person(album, Half.REPORTED)
    assert not derived.keys() & reported.keys()
    assert derived | reported == whole


def test_list_of_pairs_is_read_and_its_mistakes_are_named(tmp_path: Path) -> None:
    listing = tmp_path / "pairs.tsv"
    listing.write_text("10\t300\nAda\t1\t4\nAda\t2\tBea\t13\n")
    same, other = read_pairs(listing, tmp_path)
    assert (same.is_same, same.one.name, same.other.name) == (
        True,
        "Ada_0001.jpg",
        "Ada_0004.jpg",
    )
    assert (other.is_same, other.other) == (False, tmp_path / "Bea" / "Bea_0013.jpg")
    for line in ("Ada 1", "Ada 1 x", "../Ada 1 2", "Ada 1 Bea 2 3"):
        listing.write_text(f"Ada 1 2\n{line}\n")
        with pytest.raises(DataSetError, match="line 2"):
            read_pairs(listing, tmp_path)


def labelled(
    decision: Decision, name: str | None, label: str | None
) -> replies.VisitFace:
    verdict = FaceVerdict(decision, name, 0.5, None, Box(0, 0, 1, 1))
    return replies.VisitFace(verdict=verdict, name=name, label=label)


def test_own_people_and_labelled_visits_are_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Kills: unlabelled faces counted, another's name counted as right.
    stamp = Stamp(boot_id="b", mono_ns=1, wall_ns=1, synced=False)
    view = replies.VisitView(
        id="v1",
        ring=Ring(id="v1", seq=1, source="button", stamp=stamp),
        at_s=None,
        rings=1,
        state="told",
        decision="known",
        faces=[
            labelled(Decision.KNOWN, "Ada", "Ada"),
            labelled(Decision.KNOWN, "Ada", "Bea"),
            labelled(Decision.UNSURE, "Ada", ""),
            labelled(Decision.KNOWN, "Ada", ""),
            labelled(Decision.KNOWN, "Ada", None),
        ],
    )
    judged = replies.PeopleJudged(
        separation=replies.Separation(photos=6, right=5),
        people=2,
        engine="dlib-onnx",
        known_at=0.93,
        unsure_at=0.91,
    )
    hub = ScriptedConnection(
        {"JudgePeople": [judged], "ListVisits": [replies.Visits(views=[view])]}
    )
    assert main(["evaluate", "gallery", "--json"], connect=hub, environ={}) == 0
    visits = json.loads(capsys.readouterr().out)["visits"]
    assert visits == {
        "own": 2,
        "own_named": 1,
        "own_misnamed": 1,
        "own_unsure": 0,
        "strangers": 2,
        "strangers_named": 1,
        "strangers_unsure": 1,
    }
