"""What happens against the doorbell is noticed where it happens."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.model_catalogue import YUNET
from doorbell.adapters.model_folder import ModelFolder
from doorbell.adapters.picture_decoder import PictureError, decode
from doorbell.core.errors import (
    KeyExposedError,
    ModelError,
    NotAllowedError,
)
from doorbell.runtime import requests as r
from doorbell.runtime.control import Caller, _refuse_unless_allowed
from doorbell.runtime.ledger import Ledger
from doorbell.runtime.link import pair
from doorbell.runtime.peer import Peer
from doorbell.runtime.security_desk import malformed
from doorbell.stages.directions import FromWorker
from monitoring.logging.security import recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorbell.ports.store import Store
    from monitoring.logging.security import SecurityEvent


@pytest.fixture
def noticed() -> Iterator[list[SecurityEvent]]:
    events: list[SecurityEvent] = []
    recorder.add_sink("test", events.append)
    yield events
    recorder.remove_sink("test")


def test_a_command_of_the_wrong_group(noticed: list[SecurityEvent]) -> None:
    _refuse_unless_allowed(Caller(1000, "member"), r.ListPeople())
    assert noticed == []
    with pytest.raises(NotAllowedError, match="user 1000 may not erase person") as said:
        _refuse_unless_allowed(Caller(1000, "member"), r.ErasePerson(who="Anna"))
    assert "[control] admin_group" in said.value.hint
    (event,) = noticed
    assert (event.event_type, event.action_taken) == ("command_refused", "refused")
    assert event.data == {"uid": 1000, "request": "ErasePerson"}


def test_a_key_that_others_can_read_once_however_often_it_is_tried(
    noticed: list[SecurityEvent],
) -> None:
    def open_store() -> Store:
        msg = "open to others"
        raise KeyExposedError(msg)

    async def try_twice() -> None:
        ledger = Ledger(open_store)
        await ledger.open()
        for _ in range(3):
            await ledger.mend(lambda _: 0)
        await ledger.close()

    asyncio.run(try_twice())
    assert [(one.event_type, one.severity) for one in noticed] == [
        ("key_exposed", "critical")
    ]


def test_a_model_that_is_another_file(
    tmp_path: Path, noticed: list[SecurityEvent]
) -> None:
    folder = ModelFolder(tmp_path)
    folder.file_of(YUNET).write_bytes(b"x" * YUNET.size)
    with pytest.raises(ModelError):
        folder.require(YUNET)
    assert [(one.event_type, one.severity) for one in noticed] == [
        ("model_wrong", "high")
    ]


def test_a_picture_whose_decoder_had_to_be_ended(
    tmp_path: Path, noticed: list[SecurityEvent]
) -> None:
    picture = tmp_path / "picture"
    picture.write_bytes(b"x")
    fd = os.open(picture, os.O_RDONLY)
    try:
        with pytest.raises(PictureError):
            decode(fd, timeout_s=0.001)
        with pytest.raises(PictureError):
            decode(fd)
    finally:
        os.close(fd)
    # What is merely no picture is nobody's attack.
    assert [one.event_type for one in noticed] == ["decoder_killed"]


def test_a_worker_that_says_what_no_worker_says(noticed: list[SecurityEvent]) -> None:
    async def play() -> None:
        ours, theirs = pair()
        gone = asyncio.Event()
        Peer(
            ours,
            FromWorker,
            lambda _message, _fds: None,
            gone.set,
            lambda: malformed("vision", "high"),
        )
        theirs.send(b'{"type": "OpenTheDoor"}')
        await asyncio.wait_for(gone.wait(), 2.0)
        theirs.close()

    asyncio.run(play())
    assert [(one.event_type, one.source) for one in noticed] == [
        ("message_malformed", "vision")
    ]
