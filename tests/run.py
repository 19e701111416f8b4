"""Run kinds of tests one after another, and tell times and skips at the end.

usage: run.py [--coverage] KIND...

Each kind is a folder below `tests` and a pytest run of its own, so that a crash of one
does not hide the others. With --coverage the limits of the project are enforced.
"""

from __future__ import annotations

import collections
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPORTS = HERE.parent / ".cache" / "reports"
NO_TESTS = 5  # pytest's exit code
CORE_PERCENT = 90
# Measuring writes files and loads SQLite by itself: in these kinds it would be the
# measured thing, or meet the injected fault.
UNMEASURED = frozenset({"crash", "image", "performance", "systemd"})
ALL_PERCENT = 80


@dataclass
class Outcome:
    """What one kind came to."""

    kind: str
    took_s: float
    passed: int
    failed: int
    skips: list[str]
    exit_code: int


def run_kind(kind: str, *, coverage: bool) -> Outcome:
    """Run one kind and read its report."""
    report = REPORTS / f"{kind}.xml"
    report.unlink(missing_ok=True)
    python = [sys.executable, "-m"]
    is_measured = coverage and kind not in UNMEASURED
    runner = ["coverage", "run", "-m"] if is_measured else []
    command = [*python, *runner, "pytest", str(HERE / kind), "-q"]
    # An installed wheel is tested, so the checkout must not be importable by chance.
    environ = {**os.environ, "PYTHONSAFEPATH": "1"}
    environ.setdefault(
        "DOORBELL_TEST_DATA", str(HERE.parent.parent / "shared" / "data")
    )
    print(f"\n== {kind}", flush=True)
    began_s = time.monotonic()
    done = subprocess.run(
        [*command, f"--junitxml={report}"], env=environ, cwd=HERE.parent, check=False
    )
    return read_report(kind, report, time.monotonic() - began_s, done.returncode)


def read_report(kind: str, report: Path, took_s: float, exit_code: int) -> Outcome:
    """Count what pytest wrote down; no report is one failure."""
    if not report.exists():
        return Outcome(kind, took_s, 0, 1, [], exit_code or 1)
    suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314 - pytest wrote it
    if suite is None:
        return Outcome(kind, took_s, 0, 1, [], exit_code or 1)
    skips = [node.get("message", "") for node in suite.iter("skipped")]
    total = int(suite.get("tests", "0"))
    failed = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
    return Outcome(kind, took_s, total - failed - len(skips), failed, skips, exit_code)


def is_coverage_enough() -> bool:
    """Combine what all processes measured and hold it against the limits."""
    tool = [sys.executable, "-m", "coverage"]
    subprocess.run([*tool, "combine", "-q"], cwd=HERE.parent, check=False)
    limits = ((ALL_PERCENT, []), (CORE_PERCENT, ["--include=*/doorbell/core/*"]))
    enough = True
    for percent, extra in limits:
        command = [*tool, "report", f"--fail-under={percent}", *extra]
        enough &= subprocess.run(command, cwd=HERE.parent, check=False).returncode == 0
    return enough


def tell(outcomes: list[Outcome]) -> None:
    """Print times and skips; the last line is the sum."""
    print("\nkind           seconds  passed  failed  skipped")
    for one in outcomes:
        print(
            f"{one.kind:<14}{one.took_s:>8.1f}{one.passed:>8}{one.failed:>8}"
            f"{len(one.skips):>9}"
        )
    reasons = collections.Counter(reason for one in outcomes for reason in one.skips)
    for reason, count in reasons.most_common():
        print(f"skipped {count}: {reason}")


def main(arguments: list[str]) -> int:
    """Run, tell, and return 0 only if nothing failed."""
    coverage = "--coverage" in arguments
    kinds = [argument for argument in arguments if argument != "--coverage"]
    REPORTS.mkdir(parents=True, exist_ok=True)
    outcomes = [run_kind(kind, coverage=coverage) for kind in kinds]
    enough = is_coverage_enough() if coverage else True
    tell(outcomes)
    passed = sum(one.passed for one in outcomes)
    failed = sum(one.failed for one in outcomes)
    broken = any(one.exit_code not in (0, NO_TESTS) for one in outcomes)
    if not enough:
        print("coverage is below its limit")
        failed += 1
    skipped = sum(len(one.skips) for one in outcomes)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or broken else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
