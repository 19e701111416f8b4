"""The frame ring: one memfd, inherited by descriptor, slots handed over by message.

Nobody polls it: Python has no memory barriers, so a header is only read after the
message that names it has come, and only to refuse a stale one.
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import TYPE_CHECKING

from doorbell.core.errors import BadInputError
from doorbell.ports.ring import StaleFrameError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HEADER = struct.Struct("<QQ")
# Rows start on a cache line, whatever the header needs.
HEADER_BYTES = 64
CHANNELS = 3


def slot_bytes(width: int, height: int) -> int:
    """Bytes of a slot that holds a frame of this size in either orientation."""
    page = mmap.PAGESIZE
    return -(-(HEADER_BYTES + width * height * CHANNELS) // page) * page


def create(slots: int, slot_size: int) -> int:
    """Make the ring; returns its descriptor, to be inherited by workers."""
    fd = os.memfd_create("doorbell-frames", os.MFD_CLOEXEC)
    os.ftruncate(fd, slots * slot_size)
    return fd


def write_raw(  # noqa: PLR0913 - where, what and how large, all of it needed
    ring: mmap.mmap,
    slot: int,
    slot_size: int,
    generation: int,
    *,
    size: tuple[int, int],
    source_fd: int,
) -> None:
    """Copy raw RGB of `size` (width, height) from a descriptor into a slot.

    Raises:
        BadInputError: it does not fit, or the descriptor holds less than it says.
    """
    width, height = size
    wanted = width * height * CHANNELS
    if width <= 0 or height <= 0 or HEADER_BYTES + wanted > slot_size:
        msg = f"a picture of {width}x{height} does not fit a slot"
        raise BadInputError(msg)
    data = os.pread(source_fd, wanted, 0)
    if len(data) != wanted:
        msg = f"expected {wanted} bytes of picture, got {len(data)}"
        raise BadInputError(msg)
    offset = slot * slot_size
    ring[offset + HEADER_BYTES : offset + HEADER_BYTES + wanted] = data
    _HEADER.pack_into(ring, offset, generation, width << 32 | height)


def read_raw(
    ring: mmap.mmap, slot: int, slot_size: int, size: tuple[int, int]
) -> bytes:
    """Return a copy of a slot's raw RGB; `size` is (width, height)."""
    offset = slot * slot_size + HEADER_BYTES
    return ring[offset : offset + size[0] * size[1] * CHANNELS]


def give_back(ring: mmap.mmap, slot: int, slot_size: int) -> None:
    """Return the memory of a slot that nobody holds; it reads as zeros then.

    A header of zeros is no generation that was ever lent.
    """
    # Punches a hole into the memfd: for every process that maps it.
    ring.madvise(mmap.MADV_REMOVE, slot * slot_size, slot_size)


class MemfdRing:
    """A mapping of the ring in one process."""

    def __init__(self, fd: int, slots: int, slot_size: int) -> None:
        self._slots = slots
        self._slot_size = slot_size
        self._map = mmap.mmap(fd, slots * slot_size)

    def _offset(self, slot: int, width: int, height: int) -> int:
        size = width * height * CHANNELS
        if not 0 <= slot < self._slots:
            msg = f"there is no slot {slot} among {self._slots}"
            raise BadInputError(msg)
        if size <= 0 or HEADER_BYTES + size > self._slot_size:
            msg = f"a frame of {width}x{height} does not fit a slot"
            raise BadInputError(msg)
        return slot * self._slot_size

    def fill(self, slot: int, generation: int, rgb: NDArray[np.uint8]) -> None:
        """Copy a frame into a slot lent to us."""
        import numpy as np  # noqa: PLC0415 - the supervisor imports this module, not numpy

        height, width = rgb.shape[:2]
        offset = self._offset(slot, width, height)
        target = np.frombuffer(
            self._map, np.uint8, width * height * CHANNELS, offset + HEADER_BYTES
        )
        np.copyto(target.reshape(height, width, CHANNELS), rgb)
        _HEADER.pack_into(self._map, offset, generation, width << 32 | height)

    def view(
        self, slot: int, generation: int, width: int, height: int
    ) -> NDArray[np.uint8]:
        """Return a slot's frame as a read-only view."""
        import numpy as np  # noqa: PLC0415 - the supervisor imports this module, not numpy

        offset = self._offset(slot, width, height)
        found, shape = _HEADER.unpack_from(self._map, offset)
        if found != generation or shape != width << 32 | height:
            msg = f"slot {slot} holds generation {found}, not {generation}"
            raise StaleFrameError(msg)
        frame = np.frombuffer(
            self._map, np.uint8, width * height * CHANNELS, offset + HEADER_BYTES
        ).reshape(height, width, CHANNELS)
        frame.flags.writeable = False
        return frame
