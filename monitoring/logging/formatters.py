"""How a record becomes a line: JSON for machines, words for a person.

No value can begin a new line, move the cursor or reorder text, whatever a visitor, a
camera or a server sent.
"""

from __future__ import annotations

import json
import logging
import math
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitoring.logging.correlation import correlation_id
from monitoring.logging.error_ids import error_id, new_error_id
from monitoring.logging.redaction import clean, hidden, mask

if TYPE_CHECKING:
    from types import TracebackType

    _ExcInfo = (
        tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None]
    )

_MAX_TRACE = 8000
_MAX_DEPTH = 4
_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
# Names of our own keys; an `extra` of that name gets a line below, so that it cannot
# pretend to be another line.
_OWN = frozenset({"ts", "level", "logger", "event", "correlation_id", "exception"})
_COLOURS = {"DEBUG": "2", "INFO": "36", "WARNING": "33", "ERROR": "31", "CRITICAL": "1"}
# ASCII escapes newlines, ESC and bidi marks. Made once: `json.dumps` would do so anew
# for each line.
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
# Categories that move the cursor, reorder text or end a line.
_FORGERS = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})


class JsonFormatter(logging.Formatter):
    """One JSON object a line, ASCII only."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record as one line."""
        line: dict[str, object] = {
            "ts": _utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": clean(record.getMessage()),
        }
        line |= _facts(record)
        if record.exc_info:
            line["exception"] = _trace(self, record.exc_info)
        return _encode(line)


class PlainFormatter(logging.Formatter):
    """A line for a person: time, level, event, facts; colours where wanted."""

    def __init__(self, *, coloured: bool) -> None:
        super().__init__()
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        """Write the record as one line, or more with a traceback."""
        facts = _facts(record).items()
        words = [f"{_visible(key)}={_as_word(value)}" for key, value in facts]
        event = _visible(clean(record.getMessage()))
        clock = datetime.fromtimestamp(record.created).astimezone()
        level = self._level(record.levelname)
        text = " ".join([f"{clock:%H:%M:%S}", level, event, *words])
        if record.exc_info:
            trace = _trace(self, record.exc_info)
            # Indented, so that no line of it can pass for a record.
            text += "".join(f"\n    {_visible(one)}" for one in trace.split("\n"))
        return text

    def _level(self, name: str) -> str:
        padded = f"{name.lower():<7}"
        if not self._coloured:
            return padded
        return f"\x1b[{_COLOURS.get(name, '0')}m{padded}\x1b[0m"


def _trace(formatter: logging.Formatter, exc_info: _ExcInfo) -> str:
    """Return the end of a traceback, which says what happened."""
    trace = mask(formatter.formatException(exc_info))
    return trace if len(trace) <= _MAX_TRACE else f"…{trace[-_MAX_TRACE:]}"


def _facts(record: logging.LogRecord) -> dict[str, object]:
    """Return what the line says besides the event, fit for showing."""
    _identify(record)
    facts = {
        f"{key}_" if key in _OWN else key: hidden(key) or _plain(value)
        for key, value in vars(record).items()
        if key not in _BUILT_IN
    }
    if correlation := correlation_id():
        facts["correlation_id"] = correlation
    return facts


def _identify(record: logging.LogRecord) -> None:
    """Give an error its id, once for all the places it is written to."""
    if record.levelno < logging.ERROR or hasattr(record, "error_id"):
        return
    error = record.exc_info[1] if record.exc_info else None
    record.error_id = new_error_id() if error is None else error_id(error)


def _plain(value: object, depth: int = 0) -> object:
    """Make a value JSON can hold, with secrets masked; never raises."""
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, bool | int):
        return value
    # JSON has no infinity; a reader of the log must not choke on it.
    if isinstance(value, float) and math.isfinite(value):
        return value
    if depth < _MAX_DEPTH and isinstance(value, dict):
        return {
            clean(str(key)): hidden(str(key)) or _plain(one, depth + 1)
            for key, one in value.items()
        }
    if depth < _MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [_plain(one, depth + 1) for one in value]
    return clean(_text(value))


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - process border: a broken __str__ must not lose the line
        return f"<{type(value).__name__}>"


def _as_word(value: object) -> str:
    is_word = isinstance(value, str) and value.isprintable() and value
    if is_word and not any(c in str(value) for c in ' "='):
        return _visible(str(value))
    return _visible(json.dumps(value, ensure_ascii=False))


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        one.encode("unicode_escape").decode()
        if unicodedata.category(one) in _FORGERS
        else one
        for one in text
    )


def _utc(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
