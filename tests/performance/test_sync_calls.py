"""That no fsync is seen while idle means something only if a ring's are seen."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from doorbell.evaluation import growth, sync_calls
from doorbell.evaluation.processes import usage


@pytest.mark.crash
@pytest.mark.timeout(90)
@pytest.mark.skipif(not sync_calls.is_possible(), reason="strace is not installed")
def test_the_fsyncs_and_bytes_of_a_ring_are_seen() -> None:
    # Short: below it are sockets, whose paths the kernel cuts at 107 bytes.
    with (
        tempfile.TemporaryDirectory(dir="/tmp", prefix="bench-") as name,
        growth.busy_door(Path(name)) as trial,
    ):
        pids = trial.pids()
        counts = sync_calls.count(
            pids, trial.folder, lambda: list(growth.measure(trial, 5))
        )
        written = usage(pids["button"]).written_bytes
    assert counts["button"] == 5
    assert counts["supervisor"] >= 5
    assert counts["notify"] == counts["capture"] == counts["vision"] == 0
    assert written > 0
