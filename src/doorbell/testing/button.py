"""A button whose edges a test writes down, and a finger for the mock button."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from doorbell.core.errors import HardwareAbsentError, UnavailableError
from doorbell.core.line_event import LineEvent, encode
from doorbell.ports.button import Edge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SEND_TIMEOUT_S = 5.0
# A line's queue is full while its holder is started anew, again and again.
_QUEUE_TIMEOUT_S = 30.0


class FakeButton:
    """A line driven by the test.

    Args:
        script: how each `open` goes, `ok` or `absent`; the last word repeats.

    >>> FakeButton("absent ok").open()
    Traceback (most recent call last):
    doorbell.core.errors.HardwareAbsentError: no line, says the script
    """

    def __init__(self, script: str = "ok") -> None:
        self._script = deque(script.split())
        self._edges: deque[Edge] = deque()
        self._event_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._is_open = False
        self._level = False
        self.settled = 0

    def open(self) -> str:
        """Go as the script says."""
        word = self._script.popleft() if len(self._script) > 1 else self._script[0]
        if word == "absent":
            msg = "no line, says the script"
            raise HardwareAbsentError(msg)
        self._is_open = True
        return "fake button"

    def drive(self, *, pressed: bool, mono_ns: int) -> None:
        """Let the line change; nobody hears it while it is not open."""
        if pressed == self._level:
            return
        self._level = pressed
        if self._is_open:
            self._edges.append(Edge(pressed, mono_ns))
            os.eventfd_write(self._event_fd, 1)

    def descriptor(self) -> int:
        """Readable while edges wait."""
        return self._event_fd

    def edges(self) -> Sequence[Edge]:
        """Take what the test drove."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._event_fd)
        taken = tuple(self._edges)
        self._edges.clear()
        return taken

    def is_pressed(self) -> bool:
        """The level now."""
        return self._is_open and self._level

    def settle(self) -> None:
        """Count how often nothing was left to judge."""
        self.settled += 1

    def close(self) -> None:
        """Hear nothing more."""
        self._is_open = False
        self._edges.clear()


def press(path: Path, held_ms: int = 200) -> None:
    """Press the mock button of a running daemon; returns when it was told to.

    Args:
        path: the socket, `run/button.sock` below the state directory.
        held_ms: how long the button is held.

    Raises:
        UnavailableError: no daemon with `button.source = "mock"` listens there.
    """
    tell(path, f"press {held_ms}ms")


def tell(path: Path, line: str) -> None:
    """Send one line: `press 200ms`, `down` or `up`."""
    _send(path, line.encode(), _SEND_TIMEOUT_S)


def _send(path: Path, block: bytes, within_s: float) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(within_s)
        try:
            sender.sendto(block, str(path))
        except OSError as error:
            msg = f"no mock button listens at {path}: {error}"
            hint = 'Start the daemon with `button.source = "mock"`.'
            raise UnavailableError(msg, hint=hint) from error


class LineFinger:
    """Presses the mock line of a button holder, and counts edges as a kernel does.

    Args:
        path: the holder's socket, `line.sock` in its run folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seqno = 0

    def edge(self, *, pressed: bool, mono_ns: int | None = None) -> int:
        """Let the line change, now unless told when; returns when, nanoseconds.

        Waits while the line's queue is full, which a kernel would not.

        Raises:
            UnavailableError: no holder has ever listened there.
        """
        self._seqno += 1
        at_ns = time.monotonic_ns() if mono_ns is None else mono_ns
        event = LineEvent(at_ns, pressed, self._seqno)
        _send(self.path, encode(event), _QUEUE_TIMEOUT_S)
        return at_ns

    def press(self, held_s: float = 0.05) -> int:
        """Press and let go; returns the first edge."""
        began_ns = self.edge(pressed=True)
        time.sleep(held_s)
        self.edge(pressed=False)
        return began_ns


class Presser(threading.Thread):
    """Presses a line at random until told to stop.

    Args:
        finger: on the line.
        seed: of when it presses and how long.

    Attributes:
        presses: the first edge of each, nanoseconds.
    """

    def __init__(self, finger: LineFinger, seed: int) -> None:
        super().__init__(daemon=True)
        self._finger = finger
        self._chance = random.Random(seed)  # noqa: S311 - nobody is to be kept from guessing it
        self._told = threading.Event()
        self.presses: list[int] = []

    def run(self) -> None:
        """Press as a thumb does: longer than a spike, further apart than a bounce."""
        while not self._told.is_set():
            self.presses.append(self._finger.press(self._chance.uniform(0.02, 0.08)))
            self._told.wait(self._chance.uniform(0.06, 0.15))

    def stop(self) -> None:
        """The last press is let go."""
        self._told.set()
        self.join()
