"""`doorbell setup` with a daemon, a button and a person who answers."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import pytest

from doorbell.cli.context import Context
from doorbell.cli.main import build_parser
from doorbell.runtime import requests as r
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from doorstep import Doorstep


def _setup(doorstep: Doorstep, answers: str, *words: str) -> tuple[int, str]:
    args = build_parser().parse_args(
        ["--config", str(doorstep.config), "setup", *words]
    )
    environ = {"XDG_STATE_HOME": str(doorstep.folder / "home")}
    out = io.StringIO()
    context = Context(args, environ, out=out, err=out, stdin=io.StringIO(answers))
    return args.command(context), out.getvalue()


@pytest.mark.timeout(30)
def test_from_a_running_daemon_to_a_person_it_knows(
    doorstep: Doorstep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(doorstep.folder)
    doorstep.start()
    doorstep.ready()
    doorstep.show("anna")
    # The chime is not set; the message has not arrived.
    presser = threading.Timer(1.5, doorstep.press)
    presser.start()
    code, said = _setup(doorstep, "y\ny\nn\n")
    presser.join()
    assert code == 75, said
    assert (doorstep.folder / "setup-porch.jpg").stat().st_size > 1000
    assert "heard" in said
    assert "docs/how-to/notifications.md" in said

    # It goes on with what did not work.
    code, said = _setup(doorstep, "y\nAnna\ny\n")
    assert code == 0, said
    assert "1/5 camera: worked before" in said
    (people,) = list(doorstep.ask(r.ListPeople()))
    assert [person.name for person in people.people] == ["Anna"]
    until(lambda: len(doorstep.sink.received) >= 3, 5.0, "ring and two tests told")


def test_a_button_nobody_hears_is_told_with_what_to_look_at(
    household: Doorstep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doorbell.cli.setup_command.PRESS_S", 0.5)
    code, said = _setup(household, "", "--again", "button")
    assert code == 75
    assert "nothing was heard" in said
    assert "HARDWARE.md" in said


def test_no_face_is_kept_without_consent(
    household: Doorstep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(household.folder)
    code, _ = _setup(household, "Ben\nn\n", "--again", "enrol")
    assert code == 75
    (people,) = list(household.ask(r.ListPeople()))
    assert [person.name for person in people.people] == ["Anna"]
