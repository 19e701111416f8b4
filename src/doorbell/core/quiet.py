"""Whether a moment lies in quiet hours.

Local time is an argument: the caller knows the zone, and with it both changes of
summer time. A clock that shows 02:30 twice is simply asked twice.
"""

from __future__ import annotations

from datetime import time


def is_quiet(spec: str, local: time) -> bool:
    """Say whether `local` lies in the window `spec`.

    Args:
        spec: `HH:MM-HH:MM` as the settings schema allows it; the first minute
            belongs to the window, the last does not. A window may pass midnight;
            one that ends when it begins is the whole day. Empty is never.
        local: time of day where the sleepers are.

    >>> is_quiet("21:30-07:00", time(6, 59))
    True
    """
    if not spec:
        return False
    begins, ends = (time.fromisoformat(part) for part in spec.split("-"))
    if begins < ends:
        return begins <= local < ends
    return local >= begins or local < ends
