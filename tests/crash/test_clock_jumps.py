"""A Pi boots in 1970 and jumps by 56 years: nothing expires, nothing is deleted.

`libfaketime` moves the wall clock of the whole daemon; the monotonic clock stays.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep

from doorbell.adapters.clock import SystemClock
from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
# Each starts a daemon twice.
pytestmark = [
    pytest.mark.crash,
    pytest.mark.timeout(60),
    pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed"),
]


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as one:
        yield one


@pytest.fixture
def step(tmp_path: Path, sink: Sink) -> Iterator[Doorstep]:
    one = Doorstep(tmp_path, sink)
    try:
        yield one
    finally:
        one.kill()


class Wall:
    """The wall clock on which a daemon runs."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wall"

    def set(self, moment: str) -> None:
        """Let the clock say this from now on."""
        self._file.write_text(f"@{moment}\n")

    def environ(self) -> dict[str, str]:
        """What makes a process use it."""
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
            "TZ": "UTC",
        }


def test_a_jump_of_56_years_expires_and_deletes_nothing(
    step: Doorstep, sink: Sink, tmp_path: Path
) -> None:
    if SystemClock().now().synced:
        pytest.skip("this machine's clock is synchronised; the test needs it not to be")
    wall = Wall(tmp_path)
    wall.set("1970-01-01 00:00:10")
    step.change(sink.address, "127.0.0.1:1")  # nobody listens on port 1
    step.start(**wall.environ())
    step.ready()
    step.press()
    until(lambda: "push_answered" in step.log.read_text(), what="a failed push")
    (before,) = step.visits()
    wall.set("2026-06-01 12:00:00")
    step.press()
    until(lambda: step.visits()[0].rings + len(step.visits()) > 2, what="two rings")
    assert step.stop() == 0
    # After a restart in 2026 the push of 1970 is still owed, and is told now.
    step.change("127.0.0.1:1", sink.address)
    step.start(**wall.environ())
    assert sink.wait_for(1, 15.0), step.tail()
    until(lambda: all(v.state == "told" for v in step.visits()), what="all told")
    assert before.id in {view.id for view in step.visits()}
    assert "notification_dead" not in step.log.read_text()
    for received in sink.received:
        words = json.loads(received.body)
        # No time of a clock that nobody trusts is told as a fact.
        assert not re.search(r"\d\d:\d\d|1970|2026", words["title"] + words["message"])
    assert all(view.at_s is None for view in step.visits())
