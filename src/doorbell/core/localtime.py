"""Wall time at the door, through both changes of the clock a year.

Instants are seconds since 1970 UTC. A zone comes in as an argument; nothing here reads
the system's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from doorbell.core.errors import BadSettingsError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def zone_named(name: str) -> tzinfo:
    """Find the IANA zone `name`.

    Raises:
        BadSettingsError: there is no such zone, or no zone data on this machine.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        msg = f"[notify] timezone: no zone {name!r}"
        hint = (
            "Use an IANA name such as Europe/Amsterdam (`timedatectl list-timezones`)."
        )
        raise BadSettingsError(msg, hint=hint) from error


def local_at(at_s: float | None, zone: tzinfo) -> datetime | None:
    """Return an instant as local time, or None if it is unknown or impossible."""
    if at_s is None:
        return None
    try:
        return (_EPOCH + timedelta(seconds=at_s)).astimezone(zone)
    except (OverflowError, ValueError):
        return None


def clock_text(local: datetime) -> str:
    """Return `HH:MM`, with the zone's abbreviation in the hour that comes twice."""
    text = f"{local:%H:%M}"
    return f"{text} {local:%Z}".rstrip() if _comes_twice(local) else text


def _comes_twice(local: datetime) -> bool:
    # In the hour left out in spring both folds differ too, but no instant lands there.
    first, second = local.replace(fold=0), local.replace(fold=1)
    return first.utcoffset() != second.utcoffset()
