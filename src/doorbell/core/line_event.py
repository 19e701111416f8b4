"""What the kernel tells of a GPIO line: one record for each edge.

`struct gpio_v2_line_event` of linux/gpio.h, which the button holder keeps as it came.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_EVENT = struct.Struct("=QIIII24x")
EVENT_BYTES = _EVENT.size
RISING, FALLING = 1, 2
# Written by us into a field that the kernel leaves 0: no edge told of this level.
NO_NUMBER = 0
_U32 = 1 << 32


@dataclass(frozen=True, slots=True)
class LineEvent:
    """One edge.

    Attributes:
        mono_ns: CLOCK_MONOTONIC nanoseconds, as the interrupt saw it.
        pressed: the line became active.
        seqno: counts the edges of the line, from 1; 0 for a level without an edge.
    """

    mono_ns: int
    pressed: bool
    seqno: int = NO_NUMBER


def encode(event: LineEvent) -> bytes:
    """Return the record, as the kernel writes it."""
    kind = RISING if event.pressed else FALLING
    return _EVENT.pack(event.mono_ns, kind, 0, event.seqno, event.seqno)


def decode(block: bytes | memoryview) -> LineEvent | None:
    """Read a record; None for one that was never written, or is none."""
    mono_ns, kind, _offset, _seqno, line_seqno = _EVENT.unpack(block)
    if not mono_ns or kind not in {RISING, FALLING}:
        return None
    return LineEvent(mono_ns, kind == RISING, line_seqno)


def missed(before: int, seqno: int) -> int:
    """How many edges the kernel dropped between two that it told.

    Args:
        before: number of the last one told, 0 if there was none.
        seqno: number of this one.
    """
    if NO_NUMBER in {before, seqno}:
        return 0
    # Both are 32 bits wide and begin anew after the last.
    gap = (seqno - before - 1) % _U32
    # A line that was let go and taken again counts from 1.
    return gap if gap < _U32 // 2 else 0
