"""The machine's readings are plausible, and of the machine."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import psutil

from monitoring.metrics.metrics_collector import MetricsCollector
from monitoring.metrics.system_sampler import SystemSampler

if TYPE_CHECKING:
    from pathlib import Path


def values(collector: MetricsCollector) -> dict[str, float]:
    return {
        one.name + "".join(f" {value}" for value in one.labels.values()): one.value
        for one in collector.samples()
    }


def test_a_busy_processor_shows_whichever_thread_asks(tmp_path: Path) -> None:
    collector = MetricsCollector(strict=True)
    sampler = SystemSampler(collector, tmp_path)
    end_s = time.monotonic() + 0.3
    while time.monotonic() < end_s:
        pass
    asker = threading.Thread(target=sampler.sample)
    asker.start()
    asker.join()
    busy = values(collector)["system_cpu_usage_percent"]
    # One processor was busy all the time.
    assert 50 / (os.cpu_count() or 1) < busy <= 100


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
