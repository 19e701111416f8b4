"""Log lines: one object a record, facts kept, levels and ids where they belong."""

from __future__ import annotations

import io
import json
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest

from monitoring.logging.structured_logging import (
    MAX_VALUE_CHARS,
    CorrelationContext,
    JsonFormatter,
    PlainFormatter,
    configure_logging,
    error_id,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.logging.structured_logging import Format

log = logging.getLogger("doorbell.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], level, logging.raiseExceptions = before
    root.setLevel(level)


def json_lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_object_with_its_facts() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    log.info("visit_closed", extra={"visit": "v1", "took_s": 1.9, "faces": [1, None]})
    (line,) = json_lines(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("ts"))
    assert line == {
        "level": "info",
        "logger": "doorbell.test",
        "event": "visit_closed",
        "visit": "v1",
        "took_s": 1.9,
        "faces": [1, None],
    }


def test_every_line_of_a_visit_bears_its_id_and_no_other_line() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    with CorrelationContext("v1"):
        log.info("rung")
        with CorrelationContext("v2"):
            log.info("rung")
        log.info("told")
    log.info("idle")
    ids = [line.get("correlation_id") for line in json_lines(stream)]
    assert ids == ["v1", "v2", "v1", None]


@pytest.mark.parametrize(
    ("level", "events"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)]
)
def test_the_level_decides_what_is_written(level: str, events: int) -> None:
    stream = io.StringIO()
    configure_logging(level, "json", stream)
    for write in (log.debug, log.info, log.warning, log.error):
        write("event")
    assert len(json_lines(stream)) == events


def test_the_format_follows_the_stream() -> None:
    for stream, is_json in ((io.StringIO(), True), (Terminal(), False)):
        configure_logging("info", "auto", stream)
        log.info("rung")
        assert stream.getvalue().startswith("{") is is_json


def test_a_person_reads_time_level_event_and_facts() -> None:
    stream = io.StringIO()
    configure_logging("info", "plain", stream)
    log.warning("camera_lost", extra={"hint": "check the cable", "tries": 3, "x": ""})
    text = stream.getvalue()
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d warning camera_lost "
        r'hint="check the cable" tries=3 x=""\n',
        text,
    )


def test_only_a_terminal_gets_colours() -> None:
    for stream, coloured in ((io.StringIO(), False), (Terminal(), True)):
        configure_logging("info", "plain", stream)
        log.error("x")
        assert ("\x1b[31m" in stream.getvalue()) is coloured


@pytest.mark.parametrize("fmt", ["json", "plain"])
def test_a_traceback_is_kept_with_its_error_id(fmt: Format) -> None:
    stream = io.StringIO()
    configure_logging("info", fmt, stream)
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        log.exception("crashed", extra={"error_id": "e1"})
    assert "ZeroDivisionError" in stream.getvalue()
    assert "e1" in stream.getvalue()


def test_configuring_again_replaces_the_stream() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logging("info", "json", first)
    configure_logging("info", "json", second)
    log.info("rung")
    assert first.getvalue() == ""
    assert len(json_lines(second)) == 1


def test_values_json_lacks_lose_no_line() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    nested: object = "deep"
    for _ in range(50):
        nested = [nested]
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    facts = {"a": float("inf"), "b": Broken(), "c": nested, "d": b"\xff", "e": {1: 2}}
    log.info("odd", extra=facts)
    (line,) = json_lines(stream)
    assert (line["a"], line["b"], line["e"]) == ("inf", "<Broken>", {"1": 2})


def test_a_long_value_floods_no_log() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    log.info("x" * 1_000_000)
    (line,) = json_lines(stream)
    assert len(line["event"]) < MAX_VALUE_CHARS + 50
    assert "1000000 characters" in line["event"]


def test_a_stream_that_fails_raises_nothing() -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

    configure_logging("info", "json", Full())
    log.info("rung")


def test_an_error_has_one_id_wherever_it_is_written_and_shown() -> None:
    error = ValueError("x")
    info = (ValueError, error, None)
    record = logging.LogRecord("doorbell", logging.ERROR, "", 0, "failed", (), info)
    first = json.loads(JsonFormatter().format(record))["error_id"]
    assert json.loads(JsonFormatter().format(record))["error_id"] == first
    assert PlainFormatter(coloured=False).format(record).count(first) == 1
    assert error_id(error) == first
    other = logging.LogRecord("doorbell", logging.ERROR, "", 0, "failed", (), None)
    one, again = (json.loads(JsonFormatter().format(other)) for _ in range(2))
    assert one["error_id"] == again["error_id"] != first


def test_what_is_no_error_has_no_error_id() -> None:
    record = logging.LogRecord("doorbell", logging.WARNING, "", 0, "slow", (), None)
    assert "error_id" not in json.loads(JsonFormatter().format(record))
