"""What a Pi tells of itself is read where it is, and made up nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitoring.metrics import device_readings
from monitoring.metrics.metrics_collector import MetricsCollector

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = "devices/platform/soc/soc:firmware/get_throttled"


def put(sys: Path, name: str, text: str) -> None:
    path = sys / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def readings(sys: Path) -> dict[str, float]:
    collector = MetricsCollector(strict=True)
    device_readings.record(collector, sys)
    names = ("doorbell_cpu", "doorbell_under", "doorbell_thr", "doorbell_card")
    return {
        one.name.removeprefix("doorbell_") + one.labels.get("estimate", ""): one.value
        for one in collector.samples()
        if one.name.startswith(names) and one.name != "doorbell_threads"
    }


def test_a_machine_that_is_no_pi_says_nothing(tmp_path: Path) -> None:
    assert readings(tmp_path) == {}


def test_the_hottest_zone_counts(tmp_path: Path) -> None:
    put(tmp_path, "class/thermal/thermal_zone0/temp", "48312")
    put(tmp_path, "class/thermal/thermal_zone1/temp", "61500")
    put(tmp_path, "class/thermal/thermal_zone2/temp", "unreadable")
    assert readings(tmp_path) == {"cpu_temperature_celsius": 61.5}


@pytest.mark.parametrize(
    ("flags", "weak", "slow"),
    [("0", 0, 0), ("1", 1, 0), ("50005", 1, 1), ("50000", 0, 0), ("8", 0, 1)],
)
def test_only_what_is_so_now_counts(
    tmp_path: Path, flags: str, weak: int, slow: int
) -> None:
    put(tmp_path, FLAGS, flags)
    assert readings(tmp_path) == {"under_voltage": weak, "throttled": slow}


def test_the_kernels_own_watch_over_the_supply_will_do(tmp_path: Path) -> None:
    put(tmp_path, "class/hwmon/hwmon0/name", "cpu_thermal")
    put(tmp_path, "class/hwmon/hwmon1/name", "rpi_volt")
    put(tmp_path, "class/hwmon/hwmon1/in0_lcrit_alarm", "1")
    assert readings(tmp_path) == {"under_voltage": 1, "throttled": 0}


def test_the_card_tells_its_wear(tmp_path: Path) -> None:
    put(tmp_path, "block/mmcblk0/device/life_time", "0x02 0x0b")
    assert readings(tmp_path) == {"card_wear_ratioa": 0.2, "card_wear_ratiob": 1.1}


def test_a_card_that_does_not_tell_has_no_wear(tmp_path: Path) -> None:
    put(tmp_path, "block/mmcblk0/device/life_time", "0x00 0x00")
    assert readings(tmp_path) == {}
