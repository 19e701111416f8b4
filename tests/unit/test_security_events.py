"""A security event is recorded once in each place, and forges nothing."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING

import pytest

from monitoring.logging import security
from monitoring.logging.security import (
    Pace,
    SecurityEvent,
    SecurityRecorder,
    log_security_event,
)
from monitoring.logging.structured_logging import CorrelationContext, configure_logging
from monitoring.metrics import recording
from monitoring.metrics.recording import ObservationBuffer

if TYPE_CHECKING:
    from collections.abc import Iterator


class Heard:
    """Everything that a process records, caught."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.events: list[SecurityEvent] = []
        self.metrics = ObservationBuffer()

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(one) for one in self.stream.getvalue().splitlines()]

    def counted(self) -> list[dict[str, str]]:
        return [one.labels for one in self.metrics.take()]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    one, root = Heard(), logging.getLogger()
    before = root.handlers[:], root.level
    configure_logging("info", "json", one.stream)
    recorder = SecurityRecorder(Pace(most=3))
    recorder.add_sink("audit", one.events.append)
    monkeypatch.setattr(security, "recorder", recorder)
    recording.send_to(one.metrics)
    yield one
    recording.send_to(None)
    root.handlers[:], level = before
    root.setLevel(level)


def refuse() -> SecurityEvent:
    return log_security_event(
        "command_refused",
        "somebody asked",
        "high",
        {"source": "control", "action_taken": "refused", "uid": 1000},
    )


def test_an_event_is_in_log_metric_and_sinks_once(heard: Heard) -> None:
    with CorrelationContext("c1"):
        event = refuse()
    (line,) = heard.lines()
    assert line["event"] == "security_event"
    assert (line["event_id"], line["correlation_id"]) == (event.id, "c1")
    assert line["data"] == {"uid": 1000}
    assert line["level"] == "error"
    assert line["error_id"]
    assert heard.events == [event]
    assert heard.counted() == [
        {
            "event_type": "command_refused",
            "source": "control",
            "action_taken": "refused",
        }
    ]


def test_a_worker_forwards_and_says_nothing_itself(heard: Heard) -> None:
    forwarded: list[SecurityEvent] = []
    security.recorder.forward_to(forwarded.append)
    event = refuse()
    assert forwarded == [event]
    assert (heard.lines(), heard.events, heard.counted()) == ([], [], [])


def test_an_event_is_not_lost_with_the_hub(heard: Heard) -> None:
    def gone(_event: SecurityEvent) -> None:
        raise BrokenPipeError

    security.recorder.forward_to(gone)
    refuse()
    assert len(heard.lines()) == 1


def test_labels_come_from_closed_sets_whatever_is_said(heard: Heard) -> None:
    log_security_event(
        "brand\nnew", "x", "low", {"source": "../etc", "action_taken": 7}
    )
    (labels,) = heard.counted()
    assert labels == {
        "event_type": "other",
        "source": "other",
        "action_taken": "logged",
    }
    assert heard.events[0].data == {"event_type": "brand\nnew"}


def test_a_flood_is_counted_but_does_not_fill_the_card(heard: Heard) -> None:
    for _ in range(10):
        refuse()
    assert len(heard.counted()) == 10
    assert len(heard.lines()) == len(heard.events) == 3


def test_the_pace_is_taken_up_again_and_kept_by_kind() -> None:
    pace = Pace(most=2, window_s=60.0)
    kind, other = ("a", "control"), ("a", "web")
    assert [pace.is_fit(kind, 0.0) for _ in range(3)] == [True, True, False]
    assert pace.is_fit(other, 0.0)
    assert not pace.is_fit(kind, 59.9)
    assert pace.is_fit(kind, 60.0)
