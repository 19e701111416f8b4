"""One press that counts."""

from __future__ import annotations

import hashlib
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


def press_id(boot_id: str, mono_ns: int) -> str:
    """Return the id of the ring that this edge begins.

    Always the same for the same edge: a button process that was killed reads its edges
    again, and must not ring twice for one press.

    Args:
        boot_id: the kernel's boot id.
        mono_ns: the first edge of the press, on the monotonic clock of that boot.
    """
    return hashlib.sha256(f"press {boot_id} {mono_ns}".encode()).hexdigest()[:32]
