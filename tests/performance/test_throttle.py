"""A process that is throttled runs its share of the time, and all of it afterwards."""

from __future__ import annotations

import subprocess
import sys
import time

from doorbell.evaluation.processes import usage
from doorbell.evaluation.throttle import Throttle


def test_throttled_process_runs_its_share_and_then_goes_on() -> None:
    spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with Throttle([spinner.pid], 0.2):
            time.sleep(0.2)
            before = usage(spinner.pid)
            time.sleep(1.0)
            after = usage(spinner.pid)
        share = (after.cpu_s - before.cpu_s) / (after.at_s - before.at_s)
        # A busy machine wakes us late: then it runs more than its share, not thrice.
        assert 0.02 <= share <= 0.6
        free = usage(spinner.pid).cpu_s
        deadline_s = time.monotonic() + 5.0
        while usage(spinner.pid).cpu_s < free + 0.2:
            assert time.monotonic() < deadline_s, "it did not go on"
            time.sleep(0.02)
    finally:
        spinner.kill()
        spinner.wait()


def test_process_that_ends_meanwhile_is_nobodys_fault() -> None:
    short = subprocess.Popen([sys.executable, "-c", ""])
    with Throttle([short.pid], 0.5):
        short.wait(10)
        time.sleep(0.1)
