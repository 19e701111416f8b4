"""A slot's own programs are run as the daemon's user, never as root.

What is signed is trusted to be the doorbell, not to be root on its device.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass

DAEMON_USER = "doorbell"


@dataclass(frozen=True, slots=True)
class Rights:
    """Whom a program runs as; None for whoever asks."""

    user: int | None = None
    group: int | None = None
    extra_groups: tuple[int, ...] | None = None


def daemons_rights() -> Rights:
    """Return the daemon's, where there is such a user and we may become it."""
    if os.geteuid() != 0:
        return Rights()
    try:
        found = pwd.getpwnam(DAEMON_USER)
    except KeyError:
        return Rights()
    return Rights(found.pw_uid, found.pw_gid, ())
