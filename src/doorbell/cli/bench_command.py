"""`doorbell bench`: measure a real daemon on this machine.

Each measurement starts a daemon of its own in a temporary folder, with the processes,
the journal and the database of `doorbell run`, and leaves the installed one alone.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli import (
    bench_approaches,
    bench_audit,
    bench_engines,
    bench_metrics,
    bench_pace,
    bench_rings,
    bench_watching,
)
from doorbell.cli import bench_views as views
from doorbell.cli.bench_scene import NOT_REACHED, PREFIX, add_scene, staged, wait
from doorbell.cli.parsing import ABOUT_BENCH, add_command, add_group
from doorbell.cli.progress import status_line
from doorbell.core.errors import UsageError
from doorbell.evaluation import growth, idle, idle_work
from doorbell.evaluation.trial import Trial

if TYPE_CHECKING:
    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from doorbell.evaluation.growth import Sample


def add_parser(subparsers: Subparsers) -> None:
    """Declare the commands."""
    group = add_group(
        subparsers,
        "bench",
        run=say_which,
        about=ABOUT_BENCH,
        example="doorbell bench engines\ndoorbell bench rings --mode all\n"
        "doorbell bench idle --seconds 60",
    )
    bench_engines.add_parser(group)
    bench_rings.add_parser(group)
    bench_approaches.add_parser(group)
    bench_pace.add_parser(group)
    _add_idle(group)
    _add_memory(group)
    bench_audit.add_parser(group)
    bench_metrics.add_parser(group)
    bench_watching.add_parsers(group)


def _add_idle(group: Subparsers) -> None:
    parser = add_command(
        group,
        "idle",
        run=bench_idle,
        about="measure memory, processor and wear of the card while nobody rings",
        example="doorbell bench idle --seconds 60 --json",
        json=True,
    )
    parser.add_argument(
        "--seconds",
        metavar="S",
        type=float,
        default=60.0,
        help="length of each of the two windows (%(default)s)",
    )
    add_scene(parser)


def _add_memory(group: Subparsers) -> None:
    parser = add_command(
        group,
        "memory",
        run=bench_memory,
        about="see whether many visits make a process larger",
        example="doorbell bench memory --visits 10000",
        json=True,
    )
    parser.add_argument(
        "--visits", metavar="N", type=int, default=1000, help="how many (%(default)s)"
    )


def say_which(_context: Context) -> int:
    """`bench` alone measures nothing: each of them takes minutes."""
    msg = "say what to measure; `doorbell bench --help` lists it"
    raise UsageError(msg)


def bench_idle(context: Context) -> int:
    """Watch an idle daemon; 0 only if card and processor are spared as they should."""
    args = context.args
    if args.seconds < 1:
        msg = "a window of less than a second tells nothing"
        raise UsageError(msg)
    load = os.getloadavg()[0]
    with (
        staged(context) as (show, _, place),
        Trial(
            place.folder, dataclasses.replace(place.site, more=idle.START_SIGNED_SOON)
        ) as trial,
    ):
        waited = functools.partial(wait, show)
        found = idle.measure(trial, args.seconds, waited)
        work = idle_work.measure(trial, args.seconds, waited)
    if context.wants_json:
        window = {"seconds": args.seconds}
        facts = views.idle_json(found) | views.idle_work_json(work)
        context.say_json(window | facts | views.machine(load))
    else:
        what = f"idle, {args.seconds:.0f} s, engine {args.engine}, camera {args.size}"
        text = f"{views.idle_text(found)}\n\n{views.idle_work_text(work)}"
        context.say(f"{what}\n{views.about(load)}\n\n{text}")
    is_spared = idle.is_within_goals(idle.whole(found)) and work.is_within_goals
    return 0 if is_spared else NOT_REACHED


def bench_memory(context: Context) -> int:
    """Ring again and again and tell how resident memory grows."""
    visits = context.args.visits
    if visits < growth.SAMPLES:
        msg = f"at least {growth.SAMPLES} visits are needed"
        raise UsageError(msg)
    samples: list[Sample] = []
    load = os.getloadavg()[0]
    with (
        status_line(context.err) as show,
        tempfile.TemporaryDirectory(prefix=PREFIX) as folder,
        growth.busy_door(Path(folder)) as trial,
    ):
        for one in growth.measure(trial, visits):
            samples.append(one)
            show(f"visit {one.visits}/{visits}")
    if context.wants_json:
        context.say_json(views.memory_json(samples) | views.machine(load))
    else:
        context.say(f"{views.about(load)}\n\n{views.memory_text(samples)}")
    return 0
