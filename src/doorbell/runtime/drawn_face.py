"""The drawn face, ready to be lent: see `doorbell.testing.drawn_face`."""

from __future__ import annotations

import os
import zlib
from importlib.resources import files
from typing import TYPE_CHECKING

from doorbell.runtime.ring import CHANNELS, HEADER_BYTES
from doorbell.runtime.wiring import publish

if TYPE_CHECKING:
    from doorbell.runtime.frame_desk import FrameDesk
    from doorbell.stages.messages import FrameRef

SIZE = (240, 240)


def drawn_pixels() -> bytes:
    """Return its pixels, RGB, as they come with the package."""
    packed = files("doorbell.runtime").joinpath("drawn_face.rgb.z").read_bytes()
    return zlib.decompress(packed)


class DrawnFace:
    """The picture that recognition looks at in a self-test.

    Args:
        desk: where it is laid.
        slot_size: bytes of one slot; a camera of very few pixels has no room for it.
    """

    def __init__(self, desk: FrameDesk, slot_size: int) -> None:
        self._desk = desk
        self._fits = HEADER_BYTES + SIZE[0] * SIZE[1] * CHANNELS <= slot_size

    def lay(self, mono_ns: int, owner: str) -> FrameRef | None:
        """Lay it into the frame ring, pinned for `owner`; None if there is no room.

        Raises:
            NoSlotError: every slot is needed by visitors.
        """
        if not self._fits:
            return None
        fd = publish(drawn_pixels())
        try:
            return self._desk.put(fd, SIZE, mono_ns, owner)
        finally:
            os.close(fd)
