"""Slots that nobody holds take no memory, in no process that maps the ring."""

from __future__ import annotations

import mmap
import os

import numpy as np
import pytest

from doorbell.ports.ring import StaleFrameError
from doorbell.runtime import ring


def test_memory_of_a_slot_goes_back_for_everybody() -> None:
    size = ring.slot_bytes(320, 240)
    fd = ring.create(3, size)
    ours = mmap.mmap(fd, 3 * size)
    theirs = ring.MemfdRing(fd, 3, size)
    rgb = np.full((240, 320, 3), 7, np.uint8)
    for slot in range(3):
        theirs.fill(slot, 1, rgb)
    before = os.fstat(fd).st_blocks
    ring.give_back(ours, 1, size)
    assert os.fstat(fd).st_blocks * 512 == before * 512 - size
    with pytest.raises(StaleFrameError):
        theirs.view(1, 1, 320, 240)
    assert np.array_equal(theirs.view(2, 1, 320, 240), rgb)
    theirs.fill(1, 2, rgb)
    assert np.array_equal(theirs.view(1, 2, 320, 240), rgb)
    os.close(fd)
