"""`doorbell bench logs` and `doorbell bench tracing`: what watching costs a ring."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli import bench_views as views
from doorbell.cli import shown
from doorbell.cli.parsing import add_command
from doorbell.cli.progress import status_line
from doorbell.core.errors import UnavailableError, UsageError
from doorbell.evaluation import log_cost, tracing_cost
from doorbell.evaluation.figures import percentile
from doorbell.evaluation.tracing_cost import P99, Cost

if TYPE_CHECKING:
    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers

    Json = dict[str, object]

PREFIX = "doorbell-bench-"
NOT_REACHED = 1
# What a dead collector may add to a ring at the 99th percentile.
GOAL_MS = 1.0
MEDIAN = 0.5
INSIDE_RINGS = 5000


def add_parsers(group: Subparsers) -> None:
    """Declare the commands."""
    parser = add_command(
        group,
        "logs",
        run=bench_logs,
        about="time lines of the log",
        example="doorbell bench logs --lines 20000",
        json=True,
    )
    parser.add_argument(
        "--lines", metavar="N", type=int, default=20000, help="how many (%(default)s)"
    )
    parser = add_command(
        group,
        "tracing",
        run=bench_tracing,
        about="see what traces add to a ring while the collector is dead",
        example="doorbell bench tracing --rings 200",
        json=True,
    )
    parser.add_argument(
        "--rings",
        metavar="N",
        type=int,
        default=200,
        help="of two whole daemons each; 0 for none (%(default)s)",
    )


def bench_logs(context: Context) -> int:
    """Write lines and tell what each took."""
    if context.args.lines < 1:
        msg = "at least one line is needed"
        raise UsageError(msg)
    load = os.getloadavg()[0]
    found = log_cost.measure(context.args.lines)
    if context.wants_json:
        kinds: Json = {
            kind: {"median_us": percentile(us, MEDIAN), "p99_us": percentile(us, P99)}
            for kind, us in found.items()
        }
        context.say_json({"lines": context.args.lines} | kinds | views.machine(load))
        return 0
    rows = [
        (kind, f"{percentile(us, MEDIAN):.1f}", f"{percentile(us, P99):.1f}")
        for kind, us in found.items()
    ]
    table = shown.table(("LINE", "MEDIAN US", "P99 US"), rows)
    context.say(f"{context.args.lines} lines of each kind\n{views.about(load)}\n")
    context.say(table)
    return 0


def bench_tracing(context: Context) -> int:
    """Measure twice; 0 only if what tracing does stays below its goal at p99."""
    rings = context.args.rings
    load = os.getloadavg()[0]
    inside = tracing_cost.within(INSIDE_RINGS)
    costs = {"processor time, one process": inside}
    if rings > 0:
        costs["two daemons in turns"] = _two_daemons(context, rings)
    if context.wants_json:
        told: Json = {name: _json(cost) for name, cost in costs.items()}
        context.say_json(told | {"goal_ms": GOAL_MS} | views.machine(load))
    else:
        context.say(f"a dead collector, {views.about(load)}\n\n{_text(costs)}")
        context.say(f"\ngoal: at most {GOAL_MS} ms of processor time more at p99")
    return 0 if inside.added(P99) <= GOAL_MS else NOT_REACHED


def _two_daemons(context: Context, rings: int) -> Cost:
    cost = Cost([], [])
    with (
        status_line(context.err) as show,
        tempfile.TemporaryDirectory(prefix=PREFIX) as folder,
    ):
        for name, took_ms in tracing_cost.daemons(Path(folder), rings):
            (cost.plain if name == "plain" else cost.traced).append(took_ms)
            show(f"ring {len(cost.traced)}/{rings}")
    if not (cost.plain and cost.traced):
        msg = "no ring was answered with its push"
        raise UnavailableError(msg)
    return cost


def _json(cost: Cost) -> Json:
    return {
        "rings": len(cost.traced),
        "plain_median_ms": round(percentile(cost.plain, MEDIAN), 4),
        "plain_p99_ms": round(percentile(cost.plain, P99), 4),
        "added_median_ms": round(cost.added(MEDIAN), 4),
        "added_p99_ms": round(cost.added(P99), 4),
    }


def _text(costs: dict[str, Cost]) -> str:
    rows = [
        (
            name,
            str(len(cost.traced)),
            f"{percentile(cost.plain, MEDIAN):.3f}",
            f"{percentile(cost.plain, P99):.3f}",
            f"{cost.added(MEDIAN):+.3f}",
            f"{cost.added(P99):+.3f}",
        )
        for name, cost in costs.items()
    ]
    heads = ("RING", "RINGS", "MEDIAN MS", "P99 MS", "ADDED MEDIAN", "ADDED P99")
    return shown.table(heads, rows)
