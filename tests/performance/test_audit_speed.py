"""What is asked of the audit log's speed, as ratios: the machine may be slow."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from doorbell.evaluation import audit_speed

if TYPE_CHECKING:
    from pathlib import Path

# A record is made, chained, and written; that must stay small beside reading JSON.
MOST_BYTES = 450


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.timeout(60)
def test_who_waits_for_a_slow_card_waits_together(tmp_path: Path) -> None:
    alone = audit_speed.measure_appends(tmp_path / "1", 1, 1.5, fsync_ms=40)
    together = audit_speed.measure_appends(tmp_path / "8", 8, 1.5, fsync_ms=40)
    # A commit for each would make no difference between one writer and eight; the last
    # record is acknowledged after the time is over.
    assert alone.per_s <= 1000 / 40 + 1
    assert together.per_s > 3 * alone.per_s


@pytest.mark.timeout(60)
def test_bytes_and_chain_are_verified_much_faster_than_json(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    found = audit_speed.measure_verify(tmp_path / "log", 5_000)
    assert found.bytes_each < MOST_BYTES
    assert found.chain_s * 2 < found.every_field_s
