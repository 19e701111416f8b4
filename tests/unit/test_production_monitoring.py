"""`ProductionMonitoringSystem`: the facade that keeps the original design's names."""

from __future__ import annotations

import json

import pytest

from config.metrics_settings import Metrics
from config.notify import Notify, Target
from config.production.monitoring_config import MonitoringConfig
from config.production.production_settings import ProductionSettings
from monitoring.metrics.definition import MetricError
from monitoring.metrics.prometheus_config import ProductionMonitoringSystem

RING = {"event_type": "ring", "status": "success"}
SENT = {"channel": "phone", "notification_type": "visit", "status": "sent"}


def settings(profile: str) -> ProductionSettings:
    return ProductionSettings(
        profile=profile,  # type: ignore[arg-type] # one of three words
        notify=Notify(targets=[Target(name="phone", url="console:")]),
        metrics=Metrics(scrape_s=5.0),
    )


def system(profile: str) -> ProductionMonitoringSystem:
    config = MonitoringConfig.of(settings(profile), engines=("dlib",), version="1.2")
    return ProductionMonitoringSystem(config)


def text(one: ProductionMonitoringSystem) -> str:
    return one.collector.exposition()[0].decode()


def test_defaults_are_those_of_the_original_design() -> None:
    config = MonitoringConfig()
    assert (config.scrape_s, config.health_interval_s) == (15.0, 30.0)


def test_what_was_recorded_is_exposed() -> None:
    one = system("testing")
    one.record_counter("pipeline_events_total", 2, RING)
    one.record_gauge("system_cpu_usage_percent", 12.5)
    one.record_histogram("doorbell_ring_push_seconds", 0.3)
    shown = text(one)
    assert 'pipeline_events_total{event_type="ring",status="success"} 2.0\n' in shown
    assert "system_cpu_usage_percent 12.5\n" in shown
    assert 'doorbell_ring_push_seconds_bucket{le="0.25"} 0.0\n' in shown
    assert 'doorbell_ring_push_seconds_bucket{le="0.5"} 1.0\n' in shown


def test_the_settings_close_what_is_open_in_the_declarations() -> None:
    one = system("testing")
    one.record_counter("notifications_sent_total", 1, SENT)
    one.record_gauge("face_recognition_accuracy", 0.9, {"model_version": "dlib"})
    one.record_gauge("doorbell_build_info", 1, {"version": "1.2"})
    with pytest.raises(MetricError):
        one.record_counter("notifications_sent_total", 1, {**SENT, "channel": "tv"})


@pytest.mark.parametrize("profile", ["development", "testing"])
def test_outside_production_a_wrong_name_is_an_error(profile: str) -> None:
    with pytest.raises(MetricError, match="evnts"):
        system(profile).record_counter("pipeline_evnts_total", 1, RING)


def test_in_production_a_wrong_name_is_counted_and_harms_nothing() -> None:
    one = system("production")
    one.record_counter("pipeline_evnts_total", 1, RING)
    one.record_histogram("doorbell_ring_push_seconds", 0.3, {"person": "p1"})
    status = one.get_monitoring_status()
    assert status["dropped"] == {"unknown_name": 1, "wrong_labels": 1}
    assert "p1" not in text(one)


def test_the_status_tells_how_it_is_set_and_what_others_add() -> None:
    one = system("production")
    one.add_status("alerts", lambda: ["one"])
    status = one.get_monitoring_status()
    assert status["alerts"] == ["one"]
    assert (status["strict"], status["scrape_s"]) == (False, 5.0)
    assert status["series"] == one.collector.series


def test_the_export_is_json_with_every_series() -> None:
    one = system("production")
    one.record_counter("pipeline_events_total", 2, RING)
    content = json.loads(one.export_json())
    found = {"name": "pipeline_events_total", "labels": RING, "value": 2.0}
    assert found in content["metrics"]
    assert len(content["metrics"]) == one.collector.series
    assert content["status"]["dropped"] == {}
