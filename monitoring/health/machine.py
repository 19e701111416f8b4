"""What only the machine can say: its disk and its network. Reads /sys and /proc.

`statvfs` waits for a card that hangs, so the daemon calls this on a thread of its own.
"""

from __future__ import annotations

import os
from pathlib import Path

from monitoring.health.facts import DiskFacts, NetworkFacts

INTERFACES = Path("/sys/class/net")
ROUTES = Path("/proc/net")
# Columns of /proc/net/route and /proc/net/ipv6_route (Linux, Documentation/networking).
_V4_DESTINATION = 1
_V4_MASK = 7
_V6_DESTINATION = 0
_V6_PREFIX = 1
_V6_FLAGS = 8
_V6_DEVICE = 9
# RTF_REJECT of linux/route.h: the kernel's own "no way out" entries.
_REJECT = 0x0200


def disk_facts(folder: Path) -> DiskFacts:
    """Ask the file system that holds `folder`, or what is left of its path."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        room = os.statvfs(folder)
    except OSError:
        return DiskFacts(0, 0, is_known=False)
    return DiskFacts(
        total_bytes=room.f_blocks * room.f_frsize,
        free_bytes=room.f_bavail * room.f_frsize,
        is_read_only=bool(room.f_flag & os.ST_RDONLY),
    )


def network_facts(interfaces: Path = INTERFACES, routes: Path = ROUTES) -> NetworkFacts:
    """See which interfaces are up and whether one of them leads out."""
    return NetworkFacts(
        tuple(sorted(_up(interfaces))), _has_v4_route(routes) or _has_v6_route(routes)
    )


def _up(interfaces: Path) -> list[str]:
    try:
        found = list(interfaces.iterdir())
    except OSError:
        return []
    # A tunnel has no carrier to speak of and says `unknown` while it works.
    return [
        one.name
        for one in found
        if one.name != "lo" and _word(one / "operstate") in ("up", "unknown")
    ]


def _word(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _rows(path: Path) -> list[list[str]]:
    return [line.split() for line in _word(path).splitlines()]


def _has_v4_route(routes: Path) -> bool:
    return any(
        len(row) > _V4_MASK and row[_V4_DESTINATION] == row[_V4_MASK] == "00000000"
        for row in _rows(routes / "route")
    )


def _has_v6_route(routes: Path) -> bool:
    return any(
        len(row) > _V6_DEVICE
        and row[_V6_PREFIX] == "00"
        and not row[_V6_DESTINATION].strip("0")
        and row[_V6_DEVICE] != "lo"
        and not int(row[_V6_FLAGS], 16) & _REJECT
        for row in _rows(routes / "ipv6_route")
    )
