"""What a line of the log costs whoever writes it."""

from __future__ import annotations

import io
import logging
import tempfile
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING

from monitoring.logging.correlation import CorrelationContext
from monitoring.logging.files import LogFiles
from monitoring.logging.structured_logging import (
    configure_logging,
    protect,
    protect_names,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger("doorbell.bench")

NS_PER_US = 1000.0
# Short enough that the queue of the files never fills.
AT_ONCE = 1000
FACTS = {
    "visit": "1e53d7ff75e27abc9a5dfc5f064a313f",
    "rings": 1,
    "undurable": False,
    "took_s": 1.9,
    "detail": "known, likeness 0.71, margin 0.2",
}
SECRETS = [f"secret-value-{number}" for number in range(20)]
NAMES = [f"Person{number}" for number in range(20)]


def measure(lines: int) -> dict[str, list[float]]:
    """Return microseconds of each line, by kind of line."""
    with tempfile.TemporaryDirectory() as folder, _logging_put_back():
        kinds: dict[str, tuple[Callable[[], None], bool]] = {
            "below the level": (lambda: log.debug("visit_decided", extra=FACTS), False),
            "json": (lambda: log.info("visit_decided", extra=FACTS), False),
            "json and files": (lambda: log.info("visit_decided", extra=FACTS), True),
            "json, traceback": (_fail, False),
        }
        protect(SECRETS)
        protect_names(NAMES)
        files = LogFiles(Path(folder))
        return {
            kind: _timed(write, lines, files if to_files else None)
            for kind, (write, to_files) in kinds.items()
        }


def _timed(
    write: Callable[[], None], lines: int, files: LogFiles | None
) -> list[float]:
    took_us = []
    with Path("/dev/null").open("w") as nowhere, CorrelationContext():
        for start in range(0, lines, AT_ONCE):
            # Anew for each lot, which also waits until its files are written.
            configure_logging("info", "json", nowhere, files)
            for _ in range(min(AT_ONCE, lines - start)):
                began_ns = perf_counter_ns()
                write()
                took_us.append((perf_counter_ns() - began_ns) / NS_PER_US)
    return took_us


def _fail() -> None:
    try:
        int(str(FACTS["detail"]))
    except ValueError:
        log.exception("visit_failed", extra=FACTS)


@contextmanager
def _logging_put_back() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        yield
    finally:
        configure_logging("error", "json", io.StringIO())
        root.handlers[:], level = before
        root.setLevel(level)
