"""`doorbell bench metrics`: what measuring costs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli import bench_views as views
from doorbell.cli import shown
from doorbell.cli.parsing import add_command
from doorbell.evaluation import growth, metrics_cost

if TYPE_CHECKING:
    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from doorbell.evaluation.metrics_cost import MetricsCost

NOT_REACHED = 1


def add_parser(group: Subparsers) -> None:
    """Declare the command."""
    add_command(
        group,
        "metrics",
        run=bench_metrics,
        about="measure what recording a metric and reading them all costs",
        example="doorbell bench metrics --json",
        json=True,
    )


def bench_metrics(context: Context) -> int:
    """Record and read; 0 only if both stay within their goals."""
    load = os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(prefix="doorbell-bench-") as folder,
        growth.busy_door(Path(folder)) as trial,
    ):
        found = metrics_cost.measure(trial)
    if context.wants_json:
        context.say_json(_json(found) | views.machine(load))
    else:
        context.say(f"{views.about(load)}\n\n{_text(found)}")
    return 0 if found.is_within_goals else NOT_REACHED


def _text(found: MetricsCost) -> str:
    goal = f"goal {metrics_cost.GOAL_RECORD_US:.0f}"
    record = [(kind, f"{us:.1f}", goal) for kind, us in found.record_us.items()]
    goal = f"goal {metrics_cost.GOAL_SCRAPE_MS:.0f}"
    readings = [
        (f"{name}, {found.series} series", one)
        for name, one in found.reading_ms.items()
    ]
    scraped = f"a daemon over HTTP, {found.scraped_series} series"
    readings.append((scraped, found.scrape_ms))
    rows = [
        (name, f"{one.median:.1f}", f"{one.p95:.1f}", goal) for name, one in readings
    ]
    recorded = shown.table(("RECORD", "MEDIAN US", ""), record)
    read = shown.table(("READ ALL", "MEDIAN MS", "P95 MS", ""), rows)
    return f"{recorded}\n\n{read}"


def _json(found: MetricsCost) -> dict[str, object]:
    readings = {
        name: {"median_ms": one.median, "p95_ms": one.p95}
        for name, one in (found.reading_ms | {"http": found.scrape_ms}).items()
    }
    return {
        "record_us": found.record_us,
        "series": found.series,
        "scraped_series": found.scraped_series,
        "read": readings,
        "within_goals": found.is_within_goals,
    }
