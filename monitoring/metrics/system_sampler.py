"""How the machine and our processes are: read by psutil, recorded as gauges."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from monitoring.metrics import device_readings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitoring.metrics.metrics_collector import MetricsCollector

_ROOT = "/"


class SystemSampler:
    """Reads the machine, each time anew.

    Args:
        collector: takes the readings.
        state: the folder of the state, whose file system may be another than `/`.
    """

    def __init__(self, collector: MetricsCollector, state: Path) -> None:
        self._collector = collector
        self._state = state
        self._busy_s, self._passed_s = _processor_seconds()

    def sample(self) -> None:
        """Read the machine once; from a thread, for a dying card can hold this up.

        What cannot be read, as in a sandbox, is left out.
        """
        for read in (self._processor_and_memory, self._disks, self._network):
            with contextlib.suppress(OSError, psutil.Error):
                read()
        device_readings.record(self._collector)

    def _processor_and_memory(self) -> None:
        memory = psutil.virtual_memory()
        put = self._collector.set
        put("system_cpu_usage_percent", self._busy_percent())
        put("system_memory_usage_bytes", memory.total - memory.available)
        put("doorbell_memory_total_bytes", memory.total)
        put("doorbell_memory_available_bytes", memory.available)

    def _busy_percent(self) -> float:
        """Busy share since the last reading, whichever thread took that one."""
        busy_s, passed_s = _processor_seconds()
        worked_s, lasted_s = busy_s - self._busy_s, passed_s - self._passed_s
        self._busy_s, self._passed_s = busy_s, passed_s
        # The kernel's sums may step back by a tick when a processor goes to sleep.
        return min(max(100 * worked_s / lasted_s, 0.0), 100.0) if lasted_s > 0 else 0.0

    def _disks(self) -> None:
        for name, path in self._mounts():
            labels = {"mount_point": name}
            with contextlib.suppress(OSError):
                found = psutil.disk_usage(path)
                self._collector.set("system_disk_usage_percent", found.percent, labels)
                self._collector.set("doorbell_disk_free_bytes", found.free, labels)

    def _mounts(self) -> Iterator[tuple[str, str]]:
        yield _ROOT, _ROOT
        with contextlib.suppress(OSError):
            if self._state.stat().st_dev != Path(_ROOT).stat().st_dev:
                yield "state", str(self._state)

    def _network(self) -> None:
        every = psutil.net_io_counters(pernic=True)
        found = [nic for name, nic in every.items() if name != "lo"]
        follow = self._collector.follow
        follow(
            "doorbell_network_received_bytes_total", sum(n.bytes_recv for n in found)
        )
        follow("doorbell_network_sent_bytes_total", sum(n.bytes_sent for n in found))

    def processes(self, processes: Mapping[str, int]) -> None:
        """Read our processes; /proc never hangs, so this may be called anywhere.

        Args:
            processes: process id by worker id, 0 for one that is not there.
        """
        count = 0
        for worker_id, pid in processes.items():
            labels = {"worker_id": worker_id}
            try:
                process = psutil.Process(pid or -1)
                resident = process.memory_info().rss
                threads = process.num_threads()
            except (psutil.Error, ValueError):
                self._collector.forget("doorbell_threads", labels)
                self._collector.forget("doorbell_resident_bytes", labels)
                continue
            count += 1
            self._collector.set("doorbell_threads", threads, labels)
            self._collector.set("doorbell_resident_bytes", resident, labels)
        self._collector.set("doorbell_processes", count)


def _processor_seconds() -> tuple[float, float]:
    """Seconds all processors were busy, and seconds that passed on them."""
    times = psutil.cpu_times()
    # A guest's time is part of the user's already.
    passed_s = sum(times) - times.guest - times.guest_nice
    return passed_s - times.idle - times.iowait, passed_s
