"""The doctor names what is wrong, and the command that mends it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.loader import load
from monitoring.health import device_facts, device_rules
from monitoring.health.device_facts import DeviceFile, KeyFacts
from monitoring.health.verdict import Status, Verdict

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
OPEN = DeviceFile("/dev/gpiochip0", is_open=True, group="gpio")
SHUT = DeviceFile("/dev/gpiochip0", is_open=False, group="gpio")


def test_a_chip_that_may_not_be_opened_names_the_group() -> None:
    verdict = device_rules.gpio(SHUT, "ada", "gpio")
    assert verdict.status is Status.UNHEALTHY
    assert verdict.repair == "sudo usermod -aG gpio ada"


def test_a_button_without_gpio_needs_no_chip() -> None:
    assert device_rules.gpio(DeviceFile(), "ada", "none").status is Status.HEALTHY
    assert device_rules.gpio(DeviceFile(), "ada", "gpio").status is Status.UNHEALTHY
    assert device_rules.gpio(OPEN, "ada", "gpio").status is Status.HEALTHY


def test_a_missing_camera_library_is_told_before_a_missing_camera() -> None:
    verdict = device_rules.video(DeviceFile(), "ada", lacks=["picamera2"])
    assert "python3-picamera2" in verdict.repair


def test_missing_packages_name_their_extra() -> None:
    verdict = device_rules.packages({"vision": ["cv2"], "notify": [], "pi": ["lgpio"]})
    assert verdict.repair == "pip install 'doorbell-edge[vision,pi]'"
    assert device_rules.packages({"vision": []}).status is Status.HEALTHY


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        (None, Status.HEALTHY),
        (0x0, Status.HEALTHY),
        (0x50005, Status.UNHEALTHY),
        (0x10000, Status.DEGRADED),
    ],
)
def test_the_supply(flags: int | None, status: Status) -> None:
    assert device_rules.power(flags).status is status


@pytest.mark.parametrize(
    ("used", "status"),
    [({}, "healthy"), ({"a": 0.3, "b": 0.8}, "degraded"), ({"a": 1.1}, "unhealthy")],
)
def test_the_worse_estimate_of_a_card_counts(
    used: dict[str, float], status: str
) -> None:
    assert device_rules.wear(used).status == status


@given(total=st.integers(0, 8 << 30), available=st.integers(0, 8 << 30))
def test_memory_is_never_worse_with_more_of_it(total: int, available: int) -> None:
    """Kills: a comparison turned round."""
    order = list(Status)
    here = device_rules.memory(total, available)
    more = device_rules.memory(total + 64 * MIB, available + 64 * MIB)
    assert order.index(more.status) <= order.index(here.status)


def test_a_key_beside_what_it_opens_is_told() -> None:
    exposed = KeyFacts(is_there=True, is_exposed=True, is_on_state_disk=True)
    beside = KeyFacts(is_there=True, is_exposed=False, is_on_state_disk=True)
    apart = KeyFacts(is_there=True, is_exposed=False, is_on_state_disk=False)
    none = KeyFacts(is_there=False, is_exposed=False, is_on_state_disk=False)
    found = [device_rules.key(one, "ada").status for one in (exposed, beside, apart)]
    assert found == [Status.UNHEALTHY, Status.DEGRADED, Status.HEALTHY]
    assert device_rules.key(none, "ada").status is Status.HEALTHY


def test_the_key_is_looked_at_where_the_settings_put_it(tmp_path: Path) -> None:
    config = tmp_path / "doorbell.toml"
    key = tmp_path / "elsewhere.key"
    config.write_text(f'[storage]\ndir = "{tmp_path}"\nkey_file = "{key}"\n')
    settings = load(config, {})
    assert not device_facts.key_facts(settings).is_there
    key.write_bytes(b"k" * 32)
    key.chmod(0o644)
    found = device_facts.key_facts(settings)
    assert (found.is_there, found.is_exposed, found.is_on_state_disk) == (True,) * 3


def test_a_folder_is_judged_by_what_is_there_of_its_path(tmp_path: Path) -> None:
    assert device_facts.is_writable(tmp_path / "not" / "yet")
    tmp_path.chmod(0o500)
    # Root may write everywhere.
    assert device_facts.is_writable(tmp_path / "x") == (os.geteuid() == 0)


def test_memory_is_read_as_the_kernel_writes_it(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(
        "MemTotal:   512000 kB\nMemFree: 1 kB\nMemAvailable: 256000 kB\n"
    )
    assert device_facts.memory_bytes(meminfo) == (512000 * 1024, 256000 * 1024)


@pytest.mark.parametrize(
    "verdict",
    [
        device_rules.gpio(DeviceFile(), "ada", "gpio"),
        device_rules.video(SHUT, "ada", lacks=()),
        device_rules.reachable("the camera", answers=False, repair="ping it"),
        device_rules.memory(100 * MIB, 10 * MIB),
        device_rules.folder("/var/lib/doorbell", "ada", is_writable=False),
    ],
)
def test_whatever_is_wrong_comes_with_a_hint_and_a_command(verdict: Verdict) -> None:
    assert verdict.hint
    assert verdict.repair
