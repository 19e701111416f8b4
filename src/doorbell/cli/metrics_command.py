"""`doorbell metrics`: what the running daemon measured."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from doorbell.cli import shown
from doorbell.cli.context import answer, close_all
from doorbell.cli.parsing import add_command
from doorbell.core.errors import UsageError
from doorbell.runtime.replies import Metrics
from doorbell.runtime.requests import ShowMetrics
from monitoring.metrics.declarations import DECLARED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from monitoring.metrics.definition import Metric

    Series = dict[str, Any]

MAX_BYTES = 4 << 20
MS_PER_S = 1000


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        subparsers,
        "metrics",
        run=metrics,
        about="show what the running daemon measured",
        example="doorbell metrics ring\ndoorbell metrics --json",
        json=True,
    )
    parser.add_argument(
        "word",
        metavar="WORD",
        nargs="?",
        default="",
        help="only metrics whose name holds this",
    )


def metrics(context: Context) -> int:
    """Print the metrics."""
    with context.hub() as hub:
        reply, fds = answer(hub, ShowMetrics(), Metrics)
        content = _read(fds)
    if context.wants_json:
        context.say_json({"address": reply.address, **content})
        return 0
    rows = [
        row
        for metric in DECLARED
        if context.args.word in metric.name
        for row in _rows(metric, content["metrics"])
    ]
    if not rows:
        msg = f"no metric with a value has {context.args.word!r} in its name"
        raise UsageError(msg, hint="`doorbell metrics` shows all.")
    context.say(shown.table(("METRIC", "LABELS", "VALUE"), rows))
    where = f"http://{reply.address}/metrics" if reply.address else "nowhere"
    context.say(f"\nserved at {where}")
    return 0


def _read(fds: list[int]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.json.decode(os.pread(fds[0], MAX_BYTES, 0))
    finally:
        close_all(fds)
    return found


def _rows(metric: Metric, series: list[Series]) -> Iterator[tuple[str, str, str]]:
    if metric.kind == "histogram":
        yield from _histogram(metric, series)
        return
    for one in series:
        if one["name"] == metric.name:
            yield metric.name, _labels(one["labels"]), f"{one['value']:.10g}"


def _histogram(metric: Metric, series: list[Series]) -> Iterator[tuple[str, str, str]]:
    sums = {
        _labels(one["labels"]): one["value"]
        for one in series
        if one["name"] == f"{metric.name}_sum"
    }
    for one in series:
        if one["name"] == f"{metric.name}_count" and one["value"]:
            labels, count = _labels(one["labels"]), one["value"]
            mean_ms = sums[labels] / count * MS_PER_S
            yield metric.name, labels, f"{count:g} x, mean {mean_ms:.1f} ms"


def _labels(labels: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in labels.items())
