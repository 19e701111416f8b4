"""One press that counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from doorbell.core.stamp import Stamp  # noqa: TC001 - msgspec resolves it at run time

RingSource = Literal["gpio", "mock", "command", "http", "mqtt", "synthetic"]


@dataclass(frozen=True, slots=True)
class Ring:
    """A press as journalled.

    Attributes:
        seq: position in the journal, from 1, growing; a number spent on a failed or
            torn write is not used again. 0 for an undurable ring.
        id: 32 hexadecimal digits, unique for ever.
        source: what rang.
        stamp: the first edge of the press.
        durable: whether it is on disk. A broken card must not silence the bell.
    """

    seq: int
    id: str
    source: RingSource
    stamp: Stamp
    durable: bool = True
