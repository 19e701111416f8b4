"""What is declared is recorded; what is not is an error here and a count at a door."""

from __future__ import annotations

import logging
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.metrics import metrics_collector, recording
from monitoring.metrics.declarations import DECLARED, ORIGINAL
from monitoring.metrics.definition import Label, MetricError, counter, gauge, histogram
from monitoring.metrics.error_counter import ErrorCounter
from monitoring.metrics.metrics_collector import MAX_SERIES, MetricsCollector

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
RING = {"event_type": "ring", "status": "success"}

# DESIGN §4: dashboards and people's scripts lean on these.
FIXED = {
    "pipeline_events_total": "event_type,status",
    "pipeline_processing_duration_seconds": "stage,worker_id",
    "pipeline_queue_size": "queue_name,worker_type",
    "pipeline_worker_health": "worker_id,worker_type",
    "face_recognition_requests_total": "result_type,confidence_bucket",
    "face_recognition_accuracy": "model_version",
    "known_faces_database_size": "",
    "system_cpu_usage_percent": "",
    "system_memory_usage_bytes": "",
    "system_disk_usage_percent": "mount_point",
    "doorbell_triggers_total": "trigger_source,time_of_day",
    "notifications_sent_total": "channel,notification_type,status",
    "user_sessions_active": "",
    "errors_total": "component,error_type,severity",
    "security_events_total": "event_type,source,action_taken",
}


def strict() -> MetricsCollector:
    return MetricsCollector(strict=True, closing={"channel": ["phone"]})


def text(collector: MetricsCollector, accept: str = "") -> str:
    return collector.exposition(accept)[0].decode()


def test_the_fifteen_keep_their_names_and_labels() -> None:
    found = {one.name: ",".join(one.label_names) for one in ORIGINAL}
    assert found == FIXED


@pytest.mark.parametrize("metric", DECLARED, ids=lambda one: one.name)
def test_every_declaration_is_well_formed(metric: metrics_collector.Metric) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", metric.name)
    assert metric.name in FIXED or metric.name.startswith("doorbell_")
    assert metric.name.endswith("_total") is (metric.kind == "counter")
    assert metric.help.endswith((".", "0")), metric.help
    assert (metric.kind == "histogram") is bool(metric.buckets)
    assert list(metric.buckets) == sorted(set(metric.buckets))
    for label in metric.labels:
        assert label.values is None or len(set(label.values)) == len(label.values)


def test_no_name_is_declared_twice() -> None:
    names = [one.name for one in DECLARED]
    assert len(names) == len(set(names))


WRONG = {
    "unknown_name": ("counter", "pipeline_evnts_total", 1.0, RING),
    "wrong_kind": ("gauge", "pipeline_events_total", 1.0, RING),
    "wrong_labels": ("counter", "pipeline_events_total", 1.0, {"status": "success"}),
    "unknown_value": (
        *("counter", "pipeline_events_total", 1.0),
        {"event_type": "anna", "status": "success"},
    ),
    "bad_number": ("counter", "pipeline_events_total", -1.0, RING),
}


@pytest.mark.parametrize("reason", WRONG)
def test_what_is_not_declared_is_an_error_where_strict(reason: str) -> None:
    with pytest.raises(MetricError) as caught:
        strict().record(*WRONG[reason])  # type: ignore[arg-type]
    assert caught.value.reason == reason


@pytest.mark.parametrize("reason", WRONG)
def test_what_is_not_declared_is_counted_and_dropped_in_production(reason: str) -> None:
    collector = MetricsCollector(strict=False)
    before = collector.series
    collector.record(*WRONG[reason])  # type: ignore[arg-type]
    dropped = {"reason": reason}
    assert collector.value("doorbell_observations_dropped_total", dropped) == 1
    assert collector.series == before


def test_more_labels_than_declared_are_refused() -> None:
    with pytest.raises(MetricError, match="status"):
        strict().count("pipeline_events_total", labels={**RING, "person": "p1"})


def test_a_label_closed_at_the_start_takes_the_settings_words_and_no_others() -> None:
    sent = {"channel": "phone", "notification_type": "visit", "status": "sent"}
    collector = strict()
    collector.count("notifications_sent_total", labels=sent)
    with pytest.raises(MetricError):
        collector.count("notifications_sent_total", labels={**sent, "channel": "tv"})
    collector.admit("channel", ["tv"])
    collector.count("notifications_sent_total", labels={**sent, "channel": "tv"})


def test_there_are_never_more_series_than_allowed() -> None:
    many = Label("number", tuple(str(n) for n in range(400)))
    collector = MetricsCollector(
        strict=False,
        declared=[
            gauge("doorbell_many", "Many.", many),
            *[d for d in DECLARED if d.name == recording.DROPPED],
        ],
    )
    for number in range(400):
        collector.set("doorbell_many", number, {"number": str(number)})
    lines = [line for line in text(collector).splitlines() if line[0] != "#"]
    assert len(lines) == collector.series == MAX_SERIES
    full = {"reason": "too_many_series"}
    assert collector.value(recording.DROPPED, full) == 400 - MAX_SERIES + 7


def test_a_reading_that_was_never_taken_is_not_shown_as_zero() -> None:
    collector = strict()
    assert "doorbell_under_voltage" not in text(collector)
    collector.set("doorbell_under_voltage", 0)
    assert "doorbell_under_voltage 0.0\n" in text(collector)
    collector.forget("doorbell_under_voltage")
    assert "doorbell_under_voltage" not in text(collector)


def test_a_forgotten_series_makes_room_for_another() -> None:
    collector = strict()
    before = collector.series
    collector.set("doorbell_threads", 3, {"worker_id": "vision"})
    collector.forget("doorbell_threads", {"worker_id": "vision"})
    assert collector.series == before
    assert "vision" not in text(collector)


def test_exemplars_are_shown_to_who_can_read_them() -> None:
    collector = strict()
    visit = {"visit_id": "a" * 32}
    collector.observe("doorbell_ring_push_seconds", 0.3, exemplar=visit)
    assert 'visit_id="aaaa' in text(collector, OPENMETRICS)
    assert text(collector, OPENMETRICS).endswith("# EOF\n")
    assert "visit_id" not in text(collector)


@given(st.lists(st.integers(0, 50), max_size=20))
def test_a_followed_counter_adds_up_what_every_life_counted(totals: list[int]) -> None:
    """Kills the mutant that forgets what was counted before a total began anew."""
    collector = strict()
    expected, last = 0, 0
    for total in totals:
        expected += total - last if total >= last else total
        last = total
        collector.follow("doorbell_network_sent_bytes_total", total)
    found = collector.value("doorbell_network_sent_bytes_total") if totals else 0
    assert found == expected


def test_threads_lose_no_count() -> None:
    collector = strict()

    def work() -> None:
        for _ in range(1000):
            collector.count("pipeline_events_total", labels=RING)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert collector.value("pipeline_events_total", RING) == 4000


def test_recording_into_a_strict_sink_never_raises_but_is_seen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recording.send_to(strict())
    try:
        recording.record_counter("no_such_total")
    finally:
        recording.send_to(None)
    assert [one.msg for one in caplog.records] == ["metric_refused"]


def test_a_process_without_sink_records_nowhere() -> None:
    recording.record_counter("no_such_total")
    recording.record_gauge("no_such", 1)
    recording.record_histogram("no_such_seconds", 1)


def test_a_full_buffer_keeps_the_newest_and_counts_the_rest() -> None:
    buffer = recording.ObservationBuffer()
    for number in range(recording.MAX_WAITING + 5):
        buffer.record("gauge", "doorbell_threads", number)
    batches = []
    while batch := buffer.take():
        batches.append(batch)
    taken = [one for batch in batches for one in batch]
    assert all(len(batch) <= recording.MAX_BATCH for batch in batches)
    (lost,) = [one for one in taken if one.name == recording.DROPPED]
    gauges = [one.value for one in taken if one.name == "doorbell_threads"]
    assert lost.labels == {"reason": "backlog"}
    assert gauges[-1] == recording.MAX_WAITING + 4
    assert len(gauges) + lost.value == recording.MAX_WAITING + 5


def test_a_batch_that_could_not_be_sent_comes_first_again() -> None:
    buffer = recording.ObservationBuffer()
    for number in range(3):
        buffer.record("gauge", "doorbell_threads", number)
    batch = buffer.take()
    buffer.record("gauge", "doorbell_threads", 3)
    buffer.put_back(batch)
    assert [one.value for one in buffer.take()] == [0, 1, 2, 3]


def test_what_no_longer_fits_when_put_back_is_counted_too() -> None:
    buffer = recording.ObservationBuffer()
    for number in range(3):
        buffer.record("gauge", "doorbell_threads", number)
    batch = buffer.take()
    for number in range(3, recording.MAX_WAITING + 2):
        buffer.record("gauge", "doorbell_threads", number)
    buffer.put_back(batch)
    taken = buffer.take()
    # Room was left for one of the three: the newest.
    assert taken[0].value == 2
    assert (taken[-1].name, taken[-1].value) == (recording.DROPPED, 2)


def test_errors_are_counted_where_they_are_logged() -> None:
    collector = strict()
    recording.send_to(collector)
    log = logging.getLogger("doorbell.ledger")
    handler = ErrorCounter()
    log.addHandler(handler)
    try:
        log.warning("storage_slow")
        log.error("storage_failed")
        log.critical("something with %s", "anna")
    finally:
        log.removeHandler(handler)
        recording.send_to(None)
    series = {
        (one.labels["component"], one.labels["error_type"], one.labels["severity"])
        for one in collector.samples()
        if one.name == "errors_total"
    }
    assert series == {
        ("ledger", "storage_failed", "error"),
        ("ledger", "other", "critical"),
    }


def test_a_reader_sees_gauges_of_this_moment() -> None:
    collector = MetricsCollector(
        strict=True,
        declared=[
            gauge("doorbell_now", "Now."),
            counter("doorbell_c_total", "C."),
            histogram("doorbell_h_seconds", "H.", buckets=(1.0,)),
        ],
    )
    readings = iter((1.0, 2.0))
    collector.before_reading(lambda: collector.set("doorbell_now", next(readings)))
    assert "doorbell_now 1.0\n" in text(collector)
    assert "doorbell_now 2.0\n" in text(collector)
