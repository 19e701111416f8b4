"""A sound worker is never taken for hung: it beats well before its own deadline."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING

import pytest

from doorbell.runtime.link import Link, pair
from doorbell.runtime.worker import serve
from doorbell.stages.directions import FromHub, FromWorker
from doorbell.stages.messages import Beat, Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.ports.stage import Outlet


class IdleStage:
    """Has nothing to do, and asks to be left alone for as long as it may."""

    def start(self, outlet: Outlet) -> str:
        del outlet
        return "idle"

    def handle(self, message: object, fds: Sequence[int]) -> None:
        pass

    def turn(self, now_s: float) -> float:
        del now_s
        return 60.0

    def descriptors(self) -> Sequence[int]:
        return ()

    def close(self) -> None:
        pass


@pytest.mark.parametrize("silence_s", [0.5, 1.2])
def test_an_idle_worker_beats_well_before_its_deadline(silence_s: float) -> None:
    """Kills: waiting a fixed second, whatever silence was promised."""
    ours, theirs = pair()
    hub, worker = Link(ours, FromWorker), Link(theirs, FromHub)
    thread = threading.Thread(target=serve, args=(IdleStage(), worker, silence_s))
    thread.start()
    heard_s = []
    ours.settimeout(silence_s)  # no beat by then: TimeoutError
    for _ in range(4):
        got = hub.receive()
        assert got is not None
        assert isinstance(got[0], Beat)
        heard_s.append(time.monotonic())
    hub.send(Stop())
    thread.join(5)
    hub.close()
    worker.close()
    gaps_s = [b - a for a, b in itertools.pairwise(heard_s)]
    assert max(gaps_s) < silence_s * 0.8
