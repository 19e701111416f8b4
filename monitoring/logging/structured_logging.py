"""Log lines that machines can read and nobody can forge: where they go.

Standard library only. An event is a name in lower case, its facts are `extra`:

    log.info("visit_closed", extra={"visit": visit_id, "took_s": 1.9})

What a line never holds: a name, a face, a secret (`redaction`). How it looks is
`formatters`' affair, what it belongs to `correlation`'s. The names that callers need
are all here.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Literal, TextIO

from monitoring.logging.correlation import CorrelationContext, correlation_id
from monitoring.logging.error_ids import error_id, new_error_id
from monitoring.logging.formatters import JsonFormatter, PlainFormatter
from monitoring.logging.redaction import (
    MAX_VALUE_CHARS,
    Redactor,
    mask,
    protect,
    protect_names,
)
from monitoring.logging.security import log_security_event

if TYPE_CHECKING:
    from types import TracebackType

    from monitoring.logging.files import LogFiles

__all__ = [
    "MAX_VALUE_CHARS",
    "CorrelationContext",
    "Format",
    "JsonFormatter",
    "PlainFormatter",
    "Redactor",
    "configure_logging",
    "correlation_id",
    "error_id",
    "log_security_event",
    "log_uncaught",
    "mask",
    "new_error_id",
    "protect",
    "protect_names",
]

Format = Literal["auto", "plain", "json"]

log = logging.getLogger("doorbell.process")

# The handler that is ours to close.
FILES = "doorbell-files"


def configure_logging(
    level: str,
    fmt: Format = "auto",
    stream: TextIO | None = None,
    files: LogFiles | None = None,
) -> None:
    """Send the log of this process to one stream, replacing what was set up before.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        fmt: `auto` is plain in a terminal and JSON otherwise.
        stream: None for standard output.
        files: also write these; JSON unless `fmt` is `plain`.
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
        if old.get_name() == FILES:
            old.close()
    root.addHandler(handler)
    if files is not None:
        # Most processes write none.
        from monitoring.logging.files import FileHandler  # noqa: PLC0415 - see above

        to_files = FileHandler(files)
        to_files.set_name(FILES)
        plain = PlainFormatter(coloured=False)
        to_files.setFormatter(plain if fmt == "plain" else JsonFormatter())
        root.addHandler(to_files)
    root.setLevel(level.upper())
    # A full disk or a closed pipe behind stdout must not become a flood on stderr.
    logging.raiseExceptions = False


def log_uncaught() -> None:
    """Let what nobody catches end as one line of the log, masked like every other.

    Python itself would print the traceback with whatever the error quotes.
    """
    sys.excepthook = _crashed
    threading.excepthook = _thread_crashed


def _crashed(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("process_crashed", exc_info=(kind, error, trace))


def _thread_crashed(hook: threading.ExceptHookArgs) -> None:
    if hook.exc_value is None:
        return
    name = hook.thread.name if hook.thread else ""
    error = (hook.exc_type, hook.exc_value, hook.exc_traceback)
    log.critical("thread_crashed", exc_info=error, extra={"of": name})
