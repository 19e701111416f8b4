"""Whoever keeps a push can tell later that the audit log was cut."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from asking import check, where
from doorstep import Doorstep

from doorbell.cli.main import main
from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)
INTACT, BEHIND = 0, 5


@pytest.fixture
def pushes(tmp_path: Path) -> Path:
    """Where the phone's messages lie: out of reach of who has the doorbell."""
    return tmp_path / "nas"


@pytest.fixture
def door(tmp_path: Path, pushes: Path) -> Iterator[Doorstep]:
    target = f'[[notify.targets]]\nname = "nas"\nurl = "file:{pushes}"\n'
    with Sink() as sink:
        door = Doorstep(tmp_path, sink, target)
        yield door
        door.kill()


def kept(pushes: Path) -> list[str]:
    """The checkpoints that pushes carried."""
    return [
        json.loads(path.read_text())["checkpoint"] for path in pushes.glob("*.json")
    ]


def ring(door: Doorstep, pushes: Path) -> None:
    """Start, let the hub hear how the log is, and ring."""
    door.start()
    door.ready()
    address = where(door)
    until(lambda: check(address, "audit")["detail"] != "0 records", 10.0, "the log")
    door.press()
    until(lambda: kept(pushes), 10.0, "a push")


def verified(door: Doorstep, *words: str) -> int:
    return main(["--config", str(door.config), "audit", "verify", *words])


def test_a_card_put_back_is_behind_the_push_that_was_kept(
    door: Doorstep, pushes: Path, tmp_path: Path
) -> None:
    ring(door, pushes)
    assert door.stop() == 0
    yesterday = shutil.copytree(door.state / "audit", tmp_path / "yesterday")
    # A push carries what was signed before it: the second start's covers the first.
    for _ in range(2):
        shutil.rmtree(pushes)
        ring(door, pushes)
        carried = kept(pushes)[0]
        assert door.stop() == 0
    note = tmp_path / "note"
    note.write_text(carried)
    assert verified(door, "--witness", str(note)) == INTACT
    shutil.rmtree(door.state / "audit")
    shutil.copytree(yesterday, door.state / "audit")
    assert verified(door, "--witness", str(note)) == BEHIND
