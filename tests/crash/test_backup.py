"""Everything lost, and brought back: people, visits, pictures, keys, the audit log."""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pyrage
import pytest

from doorbell.cli.main import main
from doorbell.runtime import requests as r
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from doorstep import Doorstep

PASSPHRASE = "correct horse battery"


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text(f"{PASSPHRASE}\n")
    return file


def _run(doorstep: Doorstep, *words: str) -> int:
    return main(["--config", str(doorstep.config), *words])


def _back_up(doorstep: Doorstep, file: Path, passphrase: Path) -> int:
    return _run(
        doorstep, "backup", str(file), "--passphrase-file", str(passphrase), "--json"
    )


def _restore(doorstep: Doorstep, file: Path, passphrase: Path, *more: str) -> int:
    named = ["--passphrase-file", str(passphrase)]
    return _run(doorstep, "restore", str(file), *named, *more)


@pytest.mark.crash
@pytest.mark.timeout(90)
def test_a_house_that_lost_everything_knows_its_people_again(
    running: Doorstep, passphrase: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running.show("anna")
    running.press()
    running.told(1)
    file = running.folder / "usb" / "door.backup"
    file.parent.mkdir()
    # The daemon goes on writing.
    assert _back_up(running, file, passphrase) == 0
    made = json.loads(capsys.readouterr().out.splitlines()[-1])
    running.kill()
    shutil.rmtree(running.state)

    assert _restore(running, file, passphrase) == 0
    assert "audit verify" in capsys.readouterr().out
    assert _run(running, "audit", "verify") == 0
    assert "from a backup at record" in capsys.readouterr().out
    assert _run(running, "audit", "export", "--format", "json", "-o", "-") == 0
    assert made["id"] in capsys.readouterr().out

    running.start()
    running.ready()
    (before,) = running.visits()
    assert before.has_picture
    running.press()
    assert "Anna is at the door" in json.loads(running.told(2)[1])["title"]


@pytest.mark.crash
@pytest.mark.timeout(90)
def test_who_was_erased_since_stays_erased(
    doorstep: Doorstep, passphrase: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usb = doorstep.folder / "usb"
    usb.mkdir()
    doorstep.change("[log]", f'[backup]\ndir = "{usb}"\n[log]')
    doorstep.start()
    doorstep.ready()
    doorstep.enrol("Anna", "anna")
    doorstep.enrol("Ben", "ben")
    assert _run(doorstep, "backup", "--passphrase-file", str(passphrase)) == 0
    (file,) = usb.glob("*.backup")
    assert list(doorstep.ask(r.ErasePerson(who="Anna")))
    until((usb / "doorbell-erased").exists)
    doorstep.kill()
    shutil.rmtree(doorstep.state)
    capsys.readouterr()
    assert _restore(doorstep, file, passphrase) == 0
    assert "1 of its people had been erased since" in capsys.readouterr().out
    doorstep.start()
    doorstep.ready()
    (people,) = list(doorstep.ask(r.ListPeople()))
    assert [person.name for person in people.people] == ["Ben"]


@pytest.mark.crash
@pytest.mark.timeout(90)
def test_a_state_that_is_there_is_not_overwritten(
    running: Doorstep, passphrase: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = running.folder / "door.backup"
    assert _back_up(running, file, passphrase) == 0
    assert file.stat().st_mode & 0o077 == 0
    assert _restore(running, file, passphrase) == 2
    assert "--replace" in capsys.readouterr().err
    # Nor under a daemon that runs.
    assert _restore(running, file, passphrase, "--replace") == 69
    running.stop()
    assert _restore(running, file, passphrase, "--replace") == 0
    assert (running.state / "before-restore" / "state.db").exists()


@pytest.mark.crash
@pytest.mark.timeout(90)
def test_settings_that_were_found_without_being_named_come_along(
    running: Doorstep, passphrase: Path
) -> None:
    file = running.folder / "door.backup"
    words = ["backup", str(file), "--passphrase-file", str(passphrase)]
    assert main(words, environ={"DOORBELL_CONFIG": str(running.config)}) == 0
    running.stop()
    assert _restore(running, file, passphrase, "--replace") == 0
    brought = running.state / "doorbell.toml.restored"
    assert brought.read_bytes() == running.config.read_bytes()


@pytest.mark.crash
@pytest.mark.timeout(90)
@pytest.mark.parametrize("folder", ["audit", "journal"])
def test_nothing_is_moved_away_under_a_service_that_writes_it(
    running: Doorstep,
    passphrase: Path,
    folder: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = running.folder / "door.backup"
    assert _back_up(running, file, passphrase) == 0
    running.stop()
    with (running.state / folder / "lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert _restore(running, file, passphrase, "--replace") == 69
        assert "systemctl stop 'doorbell@*'" in capsys.readouterr().err
        assert not (running.state / "before-restore").exists()
    assert _restore(running, file, passphrase, "--replace") == 0


@pytest.mark.crash
@pytest.mark.timeout(90)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_what_root_brings_back_belongs_to_the_doorbell(
    running: Doorstep, passphrase: Path
) -> None:
    file = running.folder / "door.backup"
    assert _back_up(running, file, passphrase) == 0
    running.stop()
    shutil.rmtree(running.state)
    running.state.mkdir(mode=0o700)
    os.chown(running.state, 12345, 12345)
    assert _restore(running, file, passphrase) == 0
    assert {path.stat().st_uid for path in running.state.rglob("*")} == {12345}


AGE = shutil.which("age-keygen")


@pytest.mark.crash
@pytest.mark.timeout(90)
@pytest.mark.skipif(AGE is None, reason="age is not installed")
def test_its_layout_is_what_its_readme_says(
    running: Doorstep, passphrase: Path
) -> None:
    file = running.folder / "door.backup"
    assert _back_up(running, file, passphrase) == 0
    with tarfile.open(file) as outer:
        assert outer.getnames() == ["README", "identity.age", "data.age"]
        outer.extractall(running.folder, filter="data")
    # The program asks for the passphrase on a terminal only, so ours opens the key.
    sealed = (running.folder / "identity.age").read_bytes()
    identity = running.folder / "identity.txt"
    identity.write_bytes(pyrage.passphrase.decrypt(sealed, PASSPHRASE))
    opened = subprocess.run(
        [str(AGE).removesuffix("-keygen"), "-d", "-i", identity, "data.age"],
        cwd=running.folder,
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(opened.stdout)) as inner:
        assert {"state.db", "keys/master.key", "manifest.json"} <= set(inner.getnames())
