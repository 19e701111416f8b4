"""Nothing a visitor, a camera or a server sends can make up a log line."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitoring.logging.structured_logging import configure_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.logging.structured_logging import Format

log = logging.getLogger("doorbell.test")

FORGERIES = [
    'x\n{"ts":"2026-01-01T00:00:00Z","event":"forged"}',
    "x\r\n12:00:00 info    forged",
    "\x1b[2J\x1b[1;1Hforged",
    "abc\u202edegrof",
    "line\u2028separator\u2029paragraph\x85next",
    "\x00\x08\x7f\x9b31m",
    "\u2066isolated\u2069",
    "\ud800",
]
# What ends a line or moves the cursor for some reader.
DANGEROUS = (
    "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x1b\x00\x08\x7f\x9b\u202e\u2066\ud800"
)


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], level, logging.raiseExceptions = before
    root.setLevel(level)


def written(fmt: Format, text: str) -> str:
    stream = io.StringIO()
    configure_logging("info", fmt, stream)
    log.info("%s", text, extra={"fact": text, "list": [text], "table": {text: text}})
    return stream.getvalue()


@pytest.mark.parametrize("fmt", ["json", "plain"])
@pytest.mark.parametrize("text", FORGERIES)
def test_a_forged_line_stays_within_its_record(fmt: Format, text: str) -> None:
    line = written(fmt, text)
    assert line.count("\n") == 1
    assert not set(line.rstrip("\n")) & set(DANGEROUS)


@given(st.text(max_size=60))
@example("\u2028")
def test_any_text_is_one_line(text: str) -> None:
    """Kills: a formatter that passes one kind of line end or control through."""
    formats: tuple[Format, ...] = ("json", "plain")
    for fmt in formats:
        line = written(fmt, text)
        assert len(line.splitlines()) == 1
        assert not set(line.rstrip("\n")) & set(DANGEROUS)


@given(st.dictionaries(st.sampled_from(["ts", "level", "event", "logger"]), st.text()))
def test_facts_cannot_pretend_to_be_the_record_itself(facts: dict[str, str]) -> None:
    """Kills: `extra` merged over the record's own keys."""
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    log.info("real", extra=facts)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["logger"]) == (
        "real",
        "info",
        "doorbell.test",
    )


class _Forger(json.JSONDecoder):
    def decode(self, *_: object) -> object:
        raise ValueError(FORGERIES[0] + "\n12:00:00 info    forged")


def test_a_traceback_cannot_pretend_to_be_a_record() -> None:
    stream = io.StringIO()
    configure_logging("info", "plain", stream)
    try:
        json.loads("1", object_hook=None, cls=_Forger)
    except ValueError:
        log.exception("crashed")
    lines = stream.getvalue().splitlines()
    assert [line for line in lines if not line.startswith("    ")] == lines[:1]
