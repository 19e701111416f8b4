"""The clocks, and when the one on the wall is trusted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters import clock
from doorbell.adapters.clock import SystemClock
from doorbell.testing.clock import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


def test_stamp_tells_both_clocks_and_this_boot() -> None:
    system = SystemClock()
    before_ns = time.monotonic_ns()
    stamp = system.now()
    assert before_ns <= stamp.mono_ns <= system.mono_ns()
    assert abs(stamp.wall_ns - time.time_ns()) < 10**9
    assert len(bytes.fromhex(stamp.boot_id)) == 16
    assert stamp.boot_id == SystemClock().now().boot_id


def test_mark_of_timesyncd_is_trusted_where_the_kernel_may_not_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "kernel_is_synced", lambda: False)
    mark = tmp_path / "synchronized"
    assert not SystemClock(mark).now().synced
    mark.touch()
    assert SystemClock(mark).now().synced


def test_kernel_is_asked_once_a_second_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def count() -> bool:
        asked.append(1)
        return False

    monkeypatch.setattr(clock, "kernel_is_synced", count)
    system = SystemClock(tmp_path / "none")
    for _ in range(1000):
        system.now()
    assert len(asked) <= 2


def test_fake_clock_goes_only_when_told() -> None:
    fake = FakeClock()
    first = fake.now()
    assert fake.now() == first
    fake.advance(1.5)
    assert first.age_s(fake.now()) == pytest.approx(1.5)
