"""What a Raspberry Pi tells of itself under /sys: heat, supply, wear of the card.

Where a file is not there, nothing is recorded: a reading is never made up.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.metrics.metrics_collector import MetricsCollector

_SYS = Path("/sys")
# Bits of the firmware's answer, as `vcgencmd get_throttled` documents them.
_UNDER_VOLTAGE, _FREQUENCY_CAPPED, _THROTTLED, _HOT = 1 << 0, 1 << 1, 1 << 2, 1 << 3
# JESD84-B51, EXT_CSD[268], [269]: 1 is up to 10 % of the life used, 11 is beyond it.
_WEAR_STEPS = range(1, 12)


def record(collector: MetricsCollector, sys: Path = _SYS) -> None:
    """Record what can be read.

    Args:
        collector: takes the readings.
        sys: where sysfs is; for tests another folder.
    """
    if (celsius := temperature_celsius(sys)) is not None:
        collector.set("doorbell_cpu_temperature_celsius", celsius)
    if (flags := supply_flags(sys)) is not None:
        is_slow = bool(flags & (_FREQUENCY_CAPPED | _THROTTLED | _HOT))
        collector.set("doorbell_under_voltage", bool(flags & _UNDER_VOLTAGE))
        collector.set("doorbell_throttled", is_slow)
    for estimate, used in card_wear(sys).items():
        collector.set("doorbell_card_wear_ratio", used, {"estimate": estimate})


def temperature_celsius(sys: Path) -> float | None:
    """The hottest zone, in degrees Celsius; None where there is none."""
    zones = sorted(sys.glob("class/thermal/thermal_zone*/temp"))
    found = [int(text) / 1000 for text in _read_all(zones) if _is_number(text)]
    return max(found, default=None)


def supply_flags(sys: Path) -> int | None:
    """The firmware's flags of this moment; None where it is no Raspberry Pi."""
    paths = sorted(sys.glob("devices/platform/soc/soc:firmware/get_throttled"))
    paths += sorted(sys.glob("devices/platform/soc*/*:firmware/get_throttled"))
    for text in _read_all(paths):
        with contextlib.suppress(ValueError):
            return int(text, 16)
    return _under_voltage_alarm(sys)


def _under_voltage_alarm(sys: Path) -> int | None:
    """The kernel's own watch over the supply, where the firmware's word is missing."""
    for name in sorted(sys.glob("class/hwmon/hwmon*/name")):
        if list(_read_all([name])) == ["rpi_volt"]:
            for text in _read_all([name.with_name("in0_lcrit_alarm")]):
                return _UNDER_VOLTAGE if text == "1" else 0
    return None


def card_wear(sys: Path) -> dict[str, float]:
    """Share of its life a card has used, by estimate; empty where it does not say."""
    for path in sorted(sys.glob("block/mmcblk*/device/life_time")):
        for text in _read_all([path]):
            steps = [_step(word) for word in text.split()]
            return {
                name: step / 10
                for name, step in zip(("a", "b"), steps, strict=False)
                if step in _WEAR_STEPS
            }
    return {}


def _step(word: str) -> int:
    try:
        return int(word, 16)
    except ValueError:
        return 0


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _read_all(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            yield path.read_text("ascii").strip()
