"""A real Prometheus reads what the daemon measured."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep
from prometheus_server import MISSING, PROGRAM, PrometheusServer

from doorbell.runtime import requests as r
from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until
from monitoring.metrics.declarations import DECLARED
from monitoring.metrics.metrics_collector import MetricsCollector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.metrics.definition import Metric

TOKEN = "open-sesame-7"
PROMTOOL = shutil.which("promtool")
pytestmark = pytest.mark.skipif(PROGRAM is None or PROMTOOL is None, reason=MISSING)


@pytest.fixture(scope="module")
def rung(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doorstep]:
    """A doorstep at which Anna rang once; its port wants a token."""
    folder = tmp_path_factory.mktemp("scraped")
    token = folder / "token"
    token.write_text(f"{TOKEN}\n")
    token.chmod(0o600)
    with Sink() as sink:
        one = Doorstep(folder, sink)
        one.change("127.0.0.1:0", f'0.0.0.0:0"\ntoken_file = "{token}')
        try:
            one.start()
            one.ready()
            one.enrol("Anna", "anna")
            one.stand("anna")
            one.press()
            one.told()
            yield one
        finally:
            with contextlib.suppress(ProcessLookupError):
                one.kill()


def address(doorstep: Doorstep) -> str:
    _, _, port = next(doorstep.ask(r.ShowMetrics())).address.rpartition(":")
    return f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def prometheus(
    rung: Doorstep, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    token = f"    authorization:\n      credentials_file: {rung.folder / 'token'}\n"
    folder = tmp_path_factory.mktemp("tsdb")
    with PrometheusServer(folder, address(rung), token) as server:
        until(lambda: server.value("up") == 1.0, 8.0, "the first scrape")
        yield server


def check(text: bytes) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    return subprocess.run(
        [PROMTOOL, "check", "metrics"],
        input=text.decode(),
        capture_output=True,
        text=True,
        check=False,
    )


def shown_once(metric: Metric) -> MetricsCollector:
    """Show one series of a metric."""
    words = {one.name: one.values or ("word",) for one in metric.labels}
    collector = MetricsCollector(
        strict=True, closing={one: ["word"] for one in words}, declared=[metric]
    )
    labels = {name: values[0] for name, values in words.items()}
    collector.record(metric.kind, metric.name, 1.0, labels)
    return collector


def test_promtool_has_no_fault_to_find_with_any_metric() -> None:
    text = b"".join(shown_once(one).exposition()[0] for one in DECLARED)
    found = check(text)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_promtool_would_find_one() -> None:
    text = b"# TYPE doorbellRings counter\ndoorbellRings 1\n"
    assert check(text).returncode == 3


def test_prometheus_reads_what_was_measured(
    rung: Doorstep, prometheus: PrometheusServer
) -> None:
    del rung
    assert prometheus.value('doorbell_visits_total{decision="known"}') == 1
    assert prometheus.value("known_faces_database_size") == 1
    quantile = "histogram_quantile(0.5, doorbell_ring_push_seconds_bucket)"
    found = prometheus.value(quantile)
    assert found is not None
    assert 0 < found < 10
    fresh = prometheus.value("doorbell_camera_frame_age_seconds")
    assert fresh is not None
    assert fresh < 5


def test_prometheus_is_let_in_by_its_token(prometheus: PrometheusServer) -> None:
    counted = "doorbell_operations_requests_total"
    until(lambda: prometheus.query(counted), 5.0, "an answer to be counted")
    assert {one["metric"]["code"] for one in prometheus.query(counted)} == {"200"}


def test_prometheus_keeps_the_visit_of_a_slow_ring(
    rung: Doorstep, prometheus: PrometheusServer
) -> None:
    now_s = time.time()  # noqa: TID251 - Prometheus asks for wall time
    found = prometheus.api(
        "query_exemplars",
        query="doorbell_ring_push_seconds_bucket",
        start=str(now_s - 60),
        end=str(now_s + 60),
    )
    visits = {one["labels"]["visit_id"] for one in found[0]["exemplars"]}
    assert visits == {rung.visits()[0].id}


def test_prometheus_knows_what_each_metric_is(prometheus: PrometheusServer) -> None:
    told = prometheus.api("metadata")
    for metric in DECLARED:
        # In OpenMetrics a counter is called without its suffix.
        name = metric.name.removesuffix("_total") if metric.kind == "counter" else ""
        found = told.get(metric.name) or told.get(name)
        if found:
            assert found[0]["type"] == metric.kind
            assert found[0]["help"] == metric.help
    assert sum(1 for one in DECLARED if one.kind == "gauge" and one.name in told) > 10


def test_a_scrape_is_within_its_time_and_size(
    rung: Doorstep, prometheus: PrometheusServer
) -> None:
    took_s = prometheus.value("scrape_duration_seconds")
    samples = prometheus.value("scrape_samples_scraped")
    assert took_s is not None
    assert samples is not None
    assert took_s < 0.5
    assert 50 < samples <= 300
    request = urllib.request.Request(
        f"http://{address(rung)}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own address
        assert check(answer.read()).stdout == ""
