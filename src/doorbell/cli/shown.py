"""Values as a person reads them in a terminal."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from doorbell.core.decision import Decision
from doorbell.core.localtime import local_at, zone_named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from doorbell.core.decision import FaceVerdict

UNKNOWN_TIME = "time unknown (clock not set)"


def plain(text: str) -> str:
    """Make characters visible that would move the cursor or reorder the line.

    Names and messages come from outside; line feeds between lines stay.
    """
    if text.isprintable():
        return text
    return "".join(
        one
        if one.isprintable() or one == "\n"
        else one.encode("unicode_escape").decode()
        for one in text
    )


def zone(name: str) -> tzinfo | None:
    """Return the zone named in the settings; None is the system's."""
    return zone_named(name) if name else None


def when(at_s: float | None, zone: tzinfo | None = None) -> str:
    """Show an instant, or say that nobody knows it.

    Args:
        at_s: seconds since 1970 UTC; None when the clock could not be trusted.
        zone: None for the system's.
    """
    moment = local_at(at_s, UTC)
    if moment is None:
        return UNKNOWN_TIME
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def count(number: int, thing: str) -> str:
    """Say how many; `thing` is singular and takes an s."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def visitor(verdict: FaceVerdict, name: str | None) -> str:
    """Say who a face is, with as much doubt as there was."""
    match verdict.decision:
        case Decision.KNOWN:
            return plain(name or "somebody enrolled")
        case Decision.UNSURE:
            return f"perhaps {plain(name or 'somebody enrolled')}"
        case Decision.UNKNOWN | Decision.NOBODY:
            return "unknown person"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns by spaces; the last one is not padded."""
    cells = [[plain(cell).replace("\n", " ") for cell in row] for row in rows]
    lines = [list(heads), *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def listing(rows: Sequence[tuple[str, str]]) -> str:
    """Align names and values, one a line."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(
        f"{plain(name):<{width}}  {plain(value)}".rstrip() for name, value in rows
    )
