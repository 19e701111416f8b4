"""Log lines that machines can read and nobody can forge.

Standard library only. An event is a name in lower case, its facts are `extra`:

    log.info("visit_closed", extra={"visit": visit_id, "took_s": 1.9})

What a line never holds: a name, a face, a secret. Secrets are masked by shape and, for
those `protect` was told of, by value. Nothing here writes to files or the network.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import unicodedata
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TextIO
from urllib.parse import quote

from config.masking import MASK, MIN_SECRET_LENGTH, redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    _ExcInfo = (
        tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None]
    )

Format = Literal["auto", "plain", "json"]

MAX_VALUE_CHARS = 4000
_MARGIN = 1000
_MAX_TRACE = 8000
_MAX_DEPTH = 4
_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
# Names of our own keys; an `extra` of that name gets a line below, so that it cannot
# pretend to be another line.
_OWN = frozenset({"ts", "level", "logger", "event", "correlation_id", "exception"})
_COLOURS = {"DEBUG": "2", "INFO": "36", "WARNING": "33", "ERROR": "31", "CRITICAL": "1"}
# Categories that move the cursor, reorder text or end a line.
_FORGERS = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})

_correlation: ContextVar[str] = ContextVar("correlation_id", default="")


@contextmanager
def correlated(correlation_id: str) -> Iterator[None]:
    """Give every line logged within the block this id, e.g. that of the visit."""
    token = _correlation.set(correlation_id)
    try:
        yield
    finally:
        _correlation.reset(token)


class Redactor:
    """Masks secrets in text: by shape always, by value those it was told of."""

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()

    def protect(self, secrets: Iterable[str]) -> None:
        """Mask these values from now on, also percent-encoded; short ones are words."""
        known = {one for one in secrets if len(one) >= MIN_SECRET_LENGTH}
        known |= {quote(one, safe="") for one in known} | set(self._secrets)
        # A longer secret may contain a shorter one.
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def mask(self, text: str) -> str:
        """Return `text` without secrets."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        return redact(text)

    def clean(self, text: str) -> str:
        """Return `text` without secrets, cut to a length that floods no log."""
        if len(text) <= MAX_VALUE_CHARS:
            return self.mask(text)
        # Cut after the masking, lest half a secret stay that has no shape any more.
        kept = self.mask(text[: MAX_VALUE_CHARS + _MARGIN])[:MAX_VALUE_CHARS]
        return f"{kept}… ({len(text)} characters)"


_redactor = Redactor()


def protect(secrets: Iterable[str]) -> None:
    """Never log these values from now on, in this process."""
    _redactor.protect(secrets)


def mask(text: str) -> str:
    """Return `text` without secrets, for what goes elsewhere than to the log."""
    return _redactor.mask(text)


class JsonFormatter(logging.Formatter):
    """One JSON object a line, ASCII only."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record as one line."""
        line: dict[str, object] = {
            "ts": _utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _redactor.clean(record.getMessage()),
        }
        line |= _facts(record)
        if record.exc_info:
            line["exception"] = _trace(self, record.exc_info)
        # ASCII escapes newlines, ESC and bidi marks: no value can begin a new line.
        return json.dumps(line, ensure_ascii=True, separators=(",", ":"))


class PlainFormatter(logging.Formatter):
    """A line for a person: time, level, event, facts; colours where wanted."""

    def __init__(self, *, coloured: bool) -> None:
        super().__init__()
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        """Write the record as one line, or more with a traceback."""
        facts = _facts(record).items()
        words = [f"{_visible(key)}={_as_word(value)}" for key, value in facts]
        event = _visible(_redactor.clean(record.getMessage()))
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


def configure_logging(
    level: str, fmt: Format = "auto", stream: TextIO | None = None
) -> None:
    """Send the log of this process to one stream, replacing what was set up before.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        fmt: `auto` is plain in a terminal and JSON otherwise.
        stream: None for standard output.
    """
    stream = stream or sys.stdout
    is_terminal = stream.isatty()
    is_json = fmt == "json" or (fmt == "auto" and not is_terminal)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        JsonFormatter() if is_json else PlainFormatter(coloured=is_terminal)
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    # A full disk or a closed pipe behind stdout must not become a flood on stderr.
    logging.raiseExceptions = False


def _trace(formatter: logging.Formatter, exc_info: _ExcInfo) -> str:
    """Return the end of a traceback, which says what happened."""
    trace = _redactor.mask(formatter.formatException(exc_info))
    return trace if len(trace) <= _MAX_TRACE else f"…{trace[-_MAX_TRACE:]}"


def _facts(record: logging.LogRecord) -> dict[str, object]:
    """Return what the line says besides the event, fit for showing."""
    facts = {
        f"{key}_" if key in _OWN else key: _hidden(key) or _plain(value)
        for key, value in vars(record).items()
        if key not in _BUILT_IN
    }
    if correlation := _correlation.get():
        facts["correlation_id"] = correlation
    return facts


def _plain(value: object, depth: int = 0) -> object:
    """Make a value JSON can hold, with secrets masked; never raises."""
    if isinstance(value, str):
        return _redactor.clean(value)
    if value is None or isinstance(value, bool | int):
        return value
    # JSON has no infinity; a reader of the log must not choke on it.
    if isinstance(value, float) and math.isfinite(value):
        return value
    if depth < _MAX_DEPTH and isinstance(value, dict):
        return {
            _redactor.clean(str(key)): _hidden(str(key)) or _plain(one, depth + 1)
            for key, one in value.items()
        }
    if depth < _MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [_plain(one, depth + 1) for one in value]
    return _redactor.clean(_text(value))


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - process border: a broken __str__ must not lose the line
        return f"<{type(value).__name__}>"


@lru_cache(256)
def _hidden(key: str) -> str:
    """Return the mask when a key by its name holds a secret."""
    probe = f"{key}=x"
    return MASK if redact(probe) != probe else ""


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
