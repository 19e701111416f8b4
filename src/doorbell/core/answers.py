"""What an HTTP status means to somebody who has something to deliver."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

_OK = range(200, 300)
# The address or the token is wrong, or what we say will never be understood: the same
# bytes get the same answer tomorrow. All else may heal: a redirect can be a hotel's or
# a router's login page, 408, 425 and 429 ask for patience, 5xx is the server's trouble.
_FINAL = frozenset({400, 401, 403, 404, 405, 406, 410, 411, 413, 414, 415, 422, 431})
_WORDS = {
    400: "it did not understand the message",
    401: "the token or password is wrong",
    403: "the token may not do this",
    404: "there is nothing at this address",
    410: "this address is gone",
    413: "the picture is too large for it",
    429: "it wants fewer messages",
}


def meaning(status: int) -> Literal["sent", "retry", "refused"]:
    """Sort an HTTP status by what is to be done next."""
    if status in _OK:
        return "sent"
    return "refused" if status in _FINAL else "retry"


def in_words(status: int) -> str:
    """Say it to people; never the server's own words, which may repeat ours."""
    words = _WORDS.get(status)
    return f"HTTP {status}: {words}" if words else f"HTTP {status}"


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Read a `Retry-After` header, seconds or a date; None if absent or nonsense.

    Args:
        value: the header.
        now: with a zone; only for the form with a date.
    """
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        then = parsedate_to_datetime(value)
        return max(0.0, (then - now).total_seconds())
    except (TypeError, ValueError):
        return None
