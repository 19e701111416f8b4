"""Frames as the hub lends them: to capture to write, to others to read.

The book-keeping is `core.frames`; this module speaks the messages, and gets pictures
made of frames by whichever worker is able to.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import mmap
import os
from typing import TYPE_CHECKING

from doorbell.core.frames import LendingBook, StaleLoanError
from doorbell.runtime import ring
from doorbell.runtime.link import close_all
from doorbell.stages.messages import (
    CameraState,
    EncodePicture,
    FrameRef,
    LendSlot,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from doorbell.stages.messages import FrameTaken, PictureEncoded

log = logging.getLogger("doorbell.frames")

# An encoder that has not answered by then is hung; the push goes without picture.
ENCODE_S = 0.5
MAX_JPEG_BYTES = 16 * 1024 * 1024


class FrameDesk:
    """The frames of the ring, and who has them.

    Args:
        book: which slot is whose.
        send: to a worker by its role; false if it is not there.
        ring_fd: to copy pictures in and out that are no camera frames.
        memory_ns: frames older than this are no pre-roll of a press.

    Attributes:
        newest_ns: when the newest frame was taken; None before the first.
    """

    def __init__(
        self,
        book: LendingBook[FrameRef],
        send: Callable[[str, object, Sequence[int]], bool],
        ring_fd: int,
        slot_size: int,
        memory_ns: int,
    ) -> None:
        self._book = book
        self._send = send
        self._slot_size = slot_size
        self._memory_ns = memory_ns
        self._map = mmap.mmap(ring_fd, os.fstat(ring_fd).st_size)
        self._requests = itertools.count(1)
        self._waiting: dict[int, tuple[str, asyncio.Future[bytes | None]]] = {}
        self.camera = CameraState(condition="absent", detail="it is starting")
        self.is_camera_starting = True
        self.newest_ns: int | None = None
        self._has_borrower = False

    def worker_up(self, role: str) -> None:
        """Capture starts with all the credit there is."""
        if role == "capture":
            self._has_borrower = True
            self._lend()

    def worker_down(self, role: str) -> None:
        """Void what the dead worker had borrowed, and its unfinished pictures."""
        if role == "capture":
            self._has_borrower = False
        self._book.void_loans_of(role)
        for worker, future in list(self._waiting.values()):
            if worker == role and not future.done():
                future.set_result(None)
        if role == "capture":
            self.camera = CameraState(condition="absent", detail="it is restarting")
            self.is_camera_starting = True

    def camera_changed(self, state: CameraState) -> None:
        """Capture says how the camera is."""
        self.camera = state
        self.is_camera_starting = False

    def _lend(self) -> None:
        if not self._has_borrower:
            # A loan that nobody hears of is never given back: no frame would come.
            return
        for slot, generation in self._book.lend_to_capture():
            self._send("capture", LendSlot(slot=slot, generation=generation), ())

    def taken(self, message: FrameTaken) -> bool:
        """A frame came; false if it is of a loan that was void."""
        try:
            self._book.taken(message.frame)
        except StaleLoanError:
            log.warning("stale_frame", extra={"slot": message.frame.slot})
            return False
        self.newest_ns = message.frame.mono_ns
        self._lend()
        return True

    def preroll(self, at_ns: int) -> list[FrameRef]:
        """The newest frames as of then, newest last.

        Of a camera that went away the last frames stay: who is in them is no longer
        at the door, and must not lend a stranger a name.

        Args:
            at_ns: CLOCK_MONOTONIC of the press, or of now.
        """
        oldest_ns = at_ns - self._memory_ns
        return [f for f in self._book.preroll_frames() if f.mono_ns >= oldest_ns]

    def pin(self, frame: FrameRef, owner: str) -> None:
        """Keep a frame until `unpin`."""
        self._book.pin(frame, owner)

    def unpin(self, frame: FrameRef, owner: str) -> None:
        """Let a frame go."""
        self._book.unpin(frame, owner)
        self._lend()

    def put(
        self, picture_fd: int, size: tuple[int, int], mono_ns: int, owner: str
    ) -> FrameRef:
        """Lay a picture that is no camera frame into the ring, pinned for `owner`.

        Args:
            picture_fd: raw RGB.
            size: its width and height.
            mono_ns: when it counts as taken.
            owner: who unpins it.
        """
        width, height = size
        slot, generation = self._book.borrow(owner)
        ring.write_raw(
            self._map,
            slot,
            self._slot_size,
            generation,
            size=size,
            source_fd=picture_fd,
        )
        frame = FrameRef(
            slot, generation, width, height, mono_ns, sharpness=1.0, brightness=128.0
        )
        self._book.returned(frame, owner)
        return frame

    def give_back(self) -> None:
        """Return the memory of slots that only a visit needed."""
        for slot in self._book.unused():
            ring.give_back(self._map, slot, self._slot_size)

    def copy_out(self, frame: FrameRef) -> bytes:
        """Return the raw RGB of a frame."""
        size = (frame.width, frame.height)
        return ring.read_raw(self._map, frame.slot, self._slot_size, size)

    async def encode(self, frame: FrameRef) -> bytes | None:
        """Return a JPEG of a frame, by whoever is able to make it in time."""
        for role in ("capture", "vision"):
            jpeg = await self._encode_by(role, frame)
            if jpeg is not None:
                return jpeg
        return None

    async def _encode_by(self, role: str, frame: FrameRef) -> bytes | None:
        request = next(self._requests)
        if not self._send(role, EncodePicture(request=request, frame=frame), ()):
            return None
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes | None] = loop.create_future()
        self._waiting[request] = (role, future)
        try:
            async with asyncio.timeout(ENCODE_S):
                return await future
        except TimeoutError:
            return None
        finally:
            del self._waiting[request]

    def picture_encoded(self, message: PictureEncoded, fds: list[int]) -> None:
        """Take an encoded picture to who waits for it."""
        _, future = self._waiting.get(message.request, ("", None))
        try:
            if future is not None and not future.done():
                future.set_result(read_all(fds[0]) if fds else None)
        finally:
            close_all(fds)


def read_all(fd: int) -> bytes:
    """Read a descriptor from its beginning, up to the largest picture we make."""
    size = min(os.fstat(fd).st_size, MAX_JPEG_BYTES)
    return os.pread(fd, size, 0)
