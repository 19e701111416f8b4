"""Disk and network as the kernel writes them down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitoring.health.machine import disk_facts, network_facts

if TYPE_CHECKING:
    from pathlib import Path

V4_HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n"
V4_DEFAULT = "eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
V4_HOUSE = "eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
ZERO = "0" * 32
V6_DEFAULT = (
    f"{ZERO} 00 {ZERO} 00 fe800000000000000000000000000001 "
    "00000400 00000001 00000000 00000003 eth0\n"
)
# What every kernel writes of its own.
V6_REJECT = f"{ZERO} 00 {ZERO} 00 {ZERO} ffffffff 00000001 00000000 00200200 lo\n"
V6_REJECT_ETH = V6_REJECT.replace(" lo", " eth0")


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    (tmp_path / "sys").mkdir()
    (tmp_path / "proc").mkdir()
    return tmp_path


def interface(kernel: Path, name: str, state: str) -> None:
    folder = kernel / "sys" / name
    folder.mkdir()
    (folder / "operstate").write_text(f"{state}\n")


def has_route(kernel: Path, v4: str = "", v6: str = "") -> bool:
    (kernel / "proc" / "route").write_text(V4_HEAD + v4)
    (kernel / "proc" / "ipv6_route").write_text(v6)
    return network_facts(kernel / "sys", kernel / "proc").has_route


def test_the_loopback_is_no_network(kernel: Path) -> None:
    interface(kernel, "lo", "unknown")
    interface(kernel, "wlan0", "down")
    assert network_facts(kernel / "sys", kernel / "proc").interfaces == ()
    interface(kernel, "eth0", "up")
    interface(kernel, "wg0", "unknown")
    found = network_facts(kernel / "sys", kernel / "proc").interfaces
    assert found == ("eth0", "wg0")


def test_only_a_default_route_leads_out(kernel: Path) -> None:
    assert not has_route(kernel)
    assert not has_route(kernel, v4=V4_HOUSE)
    assert has_route(kernel, v4=V4_HOUSE + V4_DEFAULT)
    assert not has_route(kernel, v6=V6_REJECT)
    assert not has_route(kernel, v6=V6_REJECT_ETH)
    assert has_route(kernel, v6=V6_REJECT + V6_DEFAULT)


def test_a_kernel_that_says_nothing_is_no_network(tmp_path: Path) -> None:
    facts = network_facts(tmp_path / "none", tmp_path / "none")
    assert (facts.interfaces, facts.has_route) == ((), False)


def test_the_disk_of_a_folder_that_is_not_there_yet_is_its_parent_s(
    tmp_path: Path,
) -> None:
    facts = disk_facts(tmp_path / "not" / "yet")
    assert facts.is_known
    assert 0 < facts.free_bytes <= facts.total_bytes
