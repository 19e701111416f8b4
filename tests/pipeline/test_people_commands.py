"""`doorbell people`, as a person and a script meet it."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest
from scripted_commands import NOON_S, person, ran

from doorbell.runtime import replies
from doorbell.runtime import requests as r

if TYPE_CHECKING:
    from pathlib import Path

    from doorbell.testing.connection import ScriptedConnection


pytestmark = pytest.mark.usefixtures("no_settings_of_this_machine")


def erasing(*argv: str) -> tuple[int, ScriptedConnection]:
    return ran(
        *("people", "erase", "Ada", *argv),
        ShowPerson=[replies.Person(person=person(), visits=2)],
        ErasePerson=[replies.Erased(name="Ada", photos=3, pictures=2)],
    )


def test_a_name_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    people = [person("Ada\x1b[2J\n\u202eevil")]
    ran("people", ListPeople=[replies.People(people=people)])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert len(out.splitlines()) == 2


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
