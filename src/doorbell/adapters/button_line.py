"""The button as its holder has it: a line whose edges outlive the process.

The line's descriptor is kept by the service manager, so that the kernel goes on
collecting edges while nobody runs; what was read of it is kept in an `EdgePage`. See
ADR 0019.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from doorbell.adapters import gpio_chardev as chardev
from doorbell.adapters.edge_page import EdgePage
from doorbell.core.line_event import EVENT_BYTES, LineEvent, missed
from doorbell.ports.button import Edge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from config.door import Button

log = logging.getLogger("doorbell.button")

# The interrupt's thread tells of an edge after the level has changed. A level without
# an edge for longer than this is one whose edge was dropped.
_EDGE_LATE_NS = 50_000_000


class LineSource(Protocol):
    """Where the line is taken from: a GPIO chip, or a test's socket."""

    @property
    def name(self) -> str:
        """What the line is, in words that fit a descriptor's name."""
        ...

    def take(self) -> int:
        """Take the line; returns its descriptor, which does not block.

        Raises:
            HardwareAbsentError: it is not there, or somebody else's.
        """
        ...

    def is_active(self, line_fd: int) -> bool | None:
        """Tell the level now, None where only the edges tell it.

        Raises:
            OSError: the line is gone.
        """
        ...


class DescriptorStore(Protocol):
    """Keeps descriptors while this process is started anew."""

    def keep(self, name: str, fd: int) -> None:
        """Keep a descriptor until it is forgotten."""
        ...

    def kept(self, name: str) -> int | None:
        """Give back what an earlier life of this process kept; once."""
        ...


@dataclass(frozen=True, slots=True)
class ChipLine:
    """The line of `[button]` on the header's GPIO chip."""

    settings: Button

    @property
    def name(self) -> str:
        """Pin and wiring: under other settings it is another line."""
        chosen = self.settings
        return f"GPIO{chosen.pin}, pull {chosen.pull}, active {chosen.active}"

    def take(self) -> int:
        """Take it, both edges, as the settings wire it."""
        chosen = self.settings
        flags = chardev.INPUT | chardev.BOTH_EDGES | chardev.BIAS[chosen.pull]
        if chosen.active == "low":
            flags |= chardev.ACTIVE_LOW
        return chardev.take(chosen.pin, flags)

    def is_active(self, line_fd: int) -> bool | None:
        """Ask the kernel."""
        return chardev.is_active(line_fd)


@dataclass(slots=True)
class LineButton:
    """See `ports.button.Button`.

    Attributes:
        source: where the line comes from.
        page: the file of the edges; its folder must be there.
        store: keeps the line's descriptor over our own restarts.
        boot_id: of this boot.
    """

    source: LineSource
    page: Path
    store: DescriptorStore
    boot_id: str
    _page: EdgePage | None = field(default=None, init=False)
    _line_fd: int = field(default=-1, init=False)
    # Stays the same over `close` and `open`, and holds the line's.
    _poll: select.epoll = field(default_factory=select.epoll, init=False)
    _odd_since_ns: int = field(default=0, init=False)

    def open(self) -> str:
        """Take the line, or take it back, with the edges that nobody judged."""
        self.close()
        page = self._open_page()
        self._line_fd = self._take_back()
        if self._line_fd < 0:
            self._line_fd = self.source.take()
            self.store.keep(self.source.name, self._line_fd)
            # No edge was collected meanwhile: the level is looked at as it is.
            self._odd_since_ns = time.monotonic_ns() - _EDGE_LATE_NS
        self._page = page
        self._poll.register(self._line_fd, select.EPOLLIN)
        return self.source.name

    def _take_back(self) -> int:
        """Return the line that was kept for us, -1 if there is none that works."""
        kept_fd = self.store.kept(self.source.name)
        if kept_fd is None:
            return -1
        try:
            self.source.is_active(kept_fd)
        except OSError:
            os.close(kept_fd)
            return -1
        return kept_fd

    def _open_page(self) -> EdgePage:
        try:
            return EdgePage(self.page, self.boot_id)
        except OSError as error:
            # The bell rings all the same; a kill may lose the press in hand.
            extra = {"page": str(self.page), "error": error.strerror}
            log.error("edges_not_kept", extra=extra)  # noqa: TRY400 - the errno says it all
            return EdgePage(None, self.boot_id)

    def descriptor(self) -> int:
        """Readable while edges wait."""
        return self._poll.fileno()

    def edges(self) -> Sequence[Edge]:
        """Take the edges that came since, oldest first."""
        if self._page is None:
            return ()
        before = self._page.last_seqno
        self._read(self._page)
        events = self._page.take()
        if not events:
            events = self._without_edge(self._page)
        else:
            self._odd_since_ns = 0
        for event in events:
            if lost := missed(before, event.seqno):
                log.error("edges_lost", extra={"edges": lost, "before": event.seqno})
            before = event.seqno or before
        return [Edge(event.pressed, event.mono_ns) for event in events]

    def _read(self, page: EdgePage) -> None:
        """Have the kernel copy what waits into the page."""
        if not page.has_room:
            # A thousand edges without rest are no thumb.
            log.error("edges_forgotten", extra={"reason": "the line flutters"})
            page.settle()
        # All of them: judged one by one, a spike would count before its end is read.
        with contextlib.suppress(BlockingIOError):
            while page.has_room:
                with page.room() as room:
                    size = os.readv(self._line_fd, [room])
                page.wrote(size // EVENT_BYTES)

    def _without_edge(self, page: EdgePage) -> list[LineEvent]:
        """Notice a level that no edge told of: one was dropped, or is late."""
        active = self.source.is_active(self._line_fd)
        now_ns = time.monotonic_ns()
        if active is None or active == page.is_pressed:
            self._odd_since_ns = 0
            return []
        self._odd_since_ns = self._odd_since_ns or now_ns
        if now_ns - self._odd_since_ns < _EDGE_LATE_NS:
            return []
        page.put(LineEvent(now_ns, active))
        return page.take()

    def is_pressed(self) -> bool:
        """The level that the edges tell, unless it is known to have ended.

        A level without its edge begins no press: the edge that comes later would date
        it otherwise, and read again after a crash it would be another press.
        """
        if self._page is None or not self._page.is_pressed:
            return False
        return self.source.is_active(self._line_fd) is not False

    def settle(self) -> None:
        """Forget the edges taken so far."""
        if self._page is not None:
            self._page.settle()

    def close(self) -> None:
        """Let go of the line; the service manager may still hold it for us."""
        if self._line_fd >= 0:
            with contextlib.suppress(OSError):
                self._poll.unregister(self._line_fd)
            os.close(self._line_fd)
        self._line_fd = -1
        if self._page is not None:
            self._page.close()
            self._page = None
