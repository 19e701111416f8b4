"""A short id for each error, the same in the log and for the person it is shown to."""

from __future__ import annotations

from contextlib import suppress
from os import urandom

# 48 bits: short enough to be read out, too many to meet twice in a log.
_BYTES = 6
_ATTRIBUTE = "error_id"


def new_error_id() -> str:
    """Return an id for an error that is no exception."""
    return urandom(_BYTES).hex()


def error_id(error: BaseException) -> str:
    """Return the id of an exception; it stays the same wherever it is asked for."""
    known = getattr(error, _ATTRIBUTE, "")
    if isinstance(known, str) and known:
        return known
    fresh = new_error_id()
    # A few exceptions take no attributes; those get another id in each place.
    with suppress(AttributeError, TypeError):
        setattr(error, _ATTRIBUTE, fresh)
    return fresh
