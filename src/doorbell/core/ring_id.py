"""The id of a ring. Apart from `ring`: only who asks for it loads OpenSSL."""

from __future__ import annotations

import hashlib


def press_id(boot_id: str, mono_ns: int) -> str:
    """Return the id of the ring that this edge begins.

    Always the same for the same edge: a button process that was killed reads its edges
    again, and must not ring twice for one press.

    Args:
        boot_id: the kernel's boot id.
        mono_ns: the first edge of the press, on the monotonic clock of that boot.
    """
    return hashlib.sha256(f"press {boot_id} {mono_ns}".encode()).hexdigest()[:32]
