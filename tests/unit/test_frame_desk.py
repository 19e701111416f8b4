"""Frames are lent to whoever is there to hear of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from doorbell.core.frames import LendingBook
from doorbell.runtime import ring
from doorbell.runtime.frame_desk import FrameDesk
from doorbell.stages.messages import FrameRef, FrameTaken, LendSlot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SLOTS, SIZE = 6, (4, 4)
PIXELS = bytes(SIZE[0] * SIZE[1] * 3)
SECOND_NS = 1_000_000_000


class Capture:
    """The capture process: hears of loans while it is up."""

    def __init__(self) -> None:
        self.is_up = False
        self.loans: list[LendSlot] = []

    def send(self, role: str, message: object, fds: Sequence[int]) -> bool:
        del fds
        if role != "capture" or not self.is_up or not isinstance(message, LendSlot):
            return False
        self.loans.append(message)
        return True


@pytest.fixture
def capture() -> Capture:
    return Capture()


@pytest.fixture
def desk(capture: Capture) -> Iterator[FrameDesk]:
    slot_size = ring.slot_bytes(*SIZE)
    fd = ring.create(SLOTS, slot_size)
    yield FrameDesk(LendingBook(SLOTS, 2), capture.send, fd, slot_size, SECOND_NS)
    os.close(fd)


def show_a_picture(desk: FrameDesk) -> None:
    """Lay a picture from elsewhere and let it go, as `press --image` does."""
    fd = os.memfd_create("picture")
    os.write(fd, PIXELS)
    frame = desk.put(fd, SIZE, 1, "somebody")
    os.close(fd)
    desk.unpin(frame, "somebody")


def come_up(desk: FrameDesk, capture: Capture) -> None:
    capture.is_up = True
    desk.worker_up("capture")


def test_a_picture_before_the_camera_is_there_costs_it_no_loan(
    desk: FrameDesk, capture: Capture
) -> None:
    show_a_picture(desk)
    come_up(desk, capture)
    assert len(capture.loans) == 2


def test_a_picture_while_the_camera_restarts_costs_it_no_loan(
    desk: FrameDesk, capture: Capture
) -> None:
    come_up(desk, capture)
    capture.is_up = False
    desk.worker_down("capture")
    show_a_picture(desk)
    capture.loans.clear()
    come_up(desk, capture)
    assert len(capture.loans) == 2


def test_it_is_known_when_the_newest_frame_was_taken(
    desk: FrameDesk, capture: Capture
) -> None:
    come_up(desk, capture)
    assert desk.newest_ns is None
    loan = capture.loans[0]
    frame = FrameRef(loan.slot, loan.generation, *SIZE, 77)
    assert desk.taken(FrameTaken(frame=frame))
    assert desk.newest_ns == 77
    stale = FrameRef(loan.slot, loan.generation, *SIZE, 99)
    assert not desk.taken(FrameTaken(frame=stale))
    assert desk.newest_ns == 77
