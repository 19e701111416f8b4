"""The card fails in every way we know of: the bell rings and the phones hear."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.ring_journal import read_rings
from doorbell.runtime import wiring
from doorbell.runtime.requests import ListVisits, PressRequest
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from doorstep import Doorstep

pytestmark = pytest.mark.crash

EXIT_BAD_SETTINGS = 78
MOUNT, UMOUNT = shutil.which("mount") or "", shutil.which("umount") or ""


def make_state(step: Doorstep) -> Path:
    """Leave the state of an earlier life."""
    wiring.open_store(step.settings).close()
    return step.state / "state.db"


def events(step: Doorstep, name: str) -> list[dict[str, object]]:
    """Lines of the log that tell of one kind of event."""
    lines = [line for line in step.log.read_text().splitlines() if line[:1] == "{"]
    return [line for line in map(json.loads, lines) if line["event"] == name]


def garbage(database: Path) -> None:
    database.write_bytes(b"not a database at all " * 400)


def folder(database: Path) -> None:
    database.unlink()
    database.mkdir()


def half_a_page(database: Path) -> None:
    database.write_bytes(database.read_bytes()[:3000])


def no_key(database: Path) -> None:
    shutil.rmtree(database.parent / "keys")


def short_key(database: Path) -> None:
    (key,) = (database.parent / "keys").iterdir()
    key.write_bytes(b"short")


@pytest.mark.parametrize("break_it", [garbage, folder, half_a_page, no_key, short_key])
def test_a_state_that_cannot_be_opened_does_not_silence_the_bell(
    doorstep: Doorstep, break_it: Callable[[Path], None]
) -> None:
    database = make_state(doorstep)
    break_it(database)
    doorstep.start()
    doorstep.ready()
    doorstep.stand("stranger")
    doorstep.press()
    doorstep.told()
    (failed,) = events(doorstep, "storage_failed")
    assert failed["level"] == "error"
    assert failed["error"]
    assert failed["hint"]
    (ring,) = read_rings(doorstep.state / "journal", 0).rings
    assert ring.durable
    assert doorstep.stop() == 0


def test_state_of_a_newer_release_ends_the_start_with_a_hint(
    doorstep: Doorstep,
) -> None:
    database = make_state(doorstep)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE meta SET value = 99 WHERE name = 'oldest_reader'")
    doorstep.start()
    assert doorstep.process is not None
    assert doorstep.process.wait(8) == EXIT_BAD_SETTINGS
    assert "newer release" in doorstep.tail()
    assert not list(doorstep.state.glob("*.sock"))


@pytest.mark.timeout(30)  # two starts, and the pause before a card is tried again
def test_state_that_heals_is_taken_up_without_a_restart(doorstep: Doorstep) -> None:
    """Names, unsent pushes and the gap come back when the card does."""
    database = make_state(doorstep)
    doorstep.start()
    doorstep.ready()
    doorstep.enrol("Anna", "anna")
    assert doorstep.stop() == 0
    aside = database.with_suffix(".aside")
    database.rename(aside)
    database.mkdir()
    doorstep.start()
    doorstep.ready()
    doorstep.stand("anna")
    doorstep.press()
    assert "Anna" not in doorstep.told()[0]
    database.rmdir()
    aside.rename(database)
    until(lambda: events(doorstep, "storage_recovered"), 7.0, "recovery")
    doorstep.stand("anna")
    doorstep.press()
    assert "Anna" in doorstep.told(2)[1]


def what_waits(step: Doorstep) -> tuple[list[str], int]:
    """Pushes that wait in the outbox, and up to where the journal was read."""
    with closing(sqlite3.connect(step.state / "state.db")) as connection:
        waiting = connection.execute(
            "SELECT visit_id FROM outbox WHERE state = 'pending'"
        ).fetchall()
        query = "SELECT value FROM meta WHERE name = 'cursor'"
        (cursor,) = connection.execute(query).fetchone()
    return [visit for (visit,) in waiting], cursor


def test_database_locked_by_another_program_delays_but_loses_nothing(
    running: Doorstep,
) -> None:
    running.stand("anna")
    with closing(sqlite3.connect(running.state / "state.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        running.press()
        (body,) = running.told(within_s=6.0)
        assert "Anna" in body
        assert events(running, "storage_failed")
        other.execute("ROLLBACK")
    until(lambda: events(running, "storage_recovered"), 7.0, "recovery")
    time.sleep(0.5)  # a second push of the same visit would come now
    assert len(running.sink.received) == 1
    # Nor would it come after a restart, from the outbox or from the journal.
    until(lambda: what_waits(running) == ([], 1), what="all of it recorded")


def test_journal_folder_that_is_gone_does_not_silence_the_bell(
    running: Doorstep,
) -> None:
    running.stand("anna")
    shutil.rmtree(running.state / "journal")
    running.press()
    assert "Anna" in running.told()[0]
    # It is made anew, and what is rung from then on is durable again.
    running.stand("anna")
    running.press()
    running.told(2)
    until(lambda: read_rings(running.state / "journal", 0).rings, what="a new journal")


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own below the doorstep's state."""
    state = tmp_path / "state"
    state.mkdir()
    mount = [MOUNT, "-t", "tmpfs", "-o", "size=8m", "doorbell-test", str(state)]
    if not MOUNT or os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs root and the right to mount a tmpfs")
    yield state
    subprocess.run([UMOUNT, "-l", str(state)], check=True)


def test_read_only_card_does_not_silence_the_bell(
    card: Path, doorstep: Doorstep, tmp_path: Path
) -> None:
    """As a worn card is after a boot: the kernel mounts it read-only."""
    make_state(doorstep)
    # On a Pi the sockets are in /run, which is memory.
    socket = tmp_path / "control.sock"
    doorstep.change('source = "mock"', 'source = "none"')
    doorstep.change("[log]", f'[control]\nsocket = "{socket}"\n[log]')
    subprocess.run([MOUNT, "-o", "remount,ro", str(card)], check=True)
    doorstep.start()
    until(lambda: doorstep.is_up("button", "notify", "vision"), 8.0, "ready")
    doorstep.stand("stranger")
    (accepted, *_) = doorstep.ask(PressRequest())
    assert not accepted.ring.durable
    doorstep.told()
    (failed,) = events(doorstep, "storage_failed")
    assert "mounted writable" in str(failed["hint"])
    subprocess.run([MOUNT, "-o", "remount,rw", str(card)], check=True)
    until(lambda: events(doorstep, "storage_recovered"), what="recovery")
    # The gap is recorded, and the household is not told once more.
    until(lambda: len(doorstep.visits()) == 1, what="the visit in the records")
    (listed,) = doorstep.ask(ListVisits())
    assert [ring.id for ring in listed.undurable] == [accepted.ring.id]
    assert len(doorstep.sink.received) == 1
