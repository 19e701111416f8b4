"""The machine's readings are plausible, and of the machine."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from monitoring.metrics.metrics_collector import MetricsCollector
from monitoring.metrics.system_sampler import SystemSampler

if TYPE_CHECKING:
    from pathlib import Path


def values(collector: MetricsCollector) -> dict[str, float]:
    return {
        one.name + "".join(f" {value}" for value in one.labels.values()): one.value
        for one in collector.samples()
    }


def test_the_busy_share_is_that_since_the_last_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = psutil.cpu_times()

    def at(user_s: float, idle_s: float, iowait_s: float) -> None:
        times = base._replace(user=user_s, idle=idle_s, iowait=iowait_s)
        monkeypatch.setattr(psutil, "cpu_times", lambda: times)

    at(100.0, 500.0, 50.0)
    collector = MetricsCollector(strict=True)
    sampler = SystemSampler(collector, tmp_path)
    # Waiting for the card is not work.
    at(103.0, 506.0, 51.0)
    # Asked by another thread than the one before, as psutil's own percentage is not.
    asker = threading.Thread(target=sampler.sample)
    asker.start()
    asker.join()
    assert values(collector)["system_cpu_usage_percent"] == pytest.approx(30.0)


def test_memory_and_disk_are_those_of_this_machine(tmp_path: Path) -> None:
    collector = MetricsCollector(strict=True)
    SystemSampler(collector, tmp_path).sample()
    found = values(collector)
    total = psutil.virtual_memory().total
    assert found["doorbell_memory_total_bytes"] == total
    used = found["system_memory_usage_bytes"]
    assert used + found["doorbell_memory_available_bytes"] == total
    assert 0 < found["system_disk_usage_percent /"] <= 100
    assert found["doorbell_disk_free_bytes /"] > 0


def test_a_process_that_is_gone_has_no_series(tmp_path: Path) -> None:
    collector = MetricsCollector(strict=True)
    sampler = SystemSampler(collector, tmp_path)
    sampler.processes({"hub": os.getpid(), "vision": os.getppid()})
    assert values(collector)["doorbell_processes"] == 2
    sampler.processes({"hub": os.getpid(), "vision": 0})
    found = values(collector)
    assert found["doorbell_processes"] == 1
    assert found["doorbell_threads hub"] >= 1
    assert found["doorbell_resident_bytes hub"] > 1 << 20
    assert "doorbell_threads vision" not in found
