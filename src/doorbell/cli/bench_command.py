"""`doorbell bench`: measure a real daemon on this machine.

Each measurement starts a daemon of its own in a temporary folder, with the processes,
the journal and the database of `doorbell run`, and leaves the installed one alone.
"""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli import bench_views as views
from doorbell.cli.parsing import add_command, add_group
from doorbell.cli.progress import status_line
from doorbell.core.errors import UsageError
from doorbell.evaluation import growth, idle, rings
from doorbell.evaluation.trial import Site, Trial
from doorbell.evaluation.visitors import Company, painted, photographed
from doorbell.testing.sink import Sink

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from doorbell.evaluation.growth import Sample
    from doorbell.evaluation.rings import MeasuredRing

PICTURES = ".cache/demo-pictures"
PREFIX = "doorbell-bench-"
NOT_REACHED = 1
LEAST_SIDE_PX = 160


def add_parser(subparsers: Subparsers) -> None:
    """Declare the commands."""
    group = add_group(
        subparsers,
        "bench",
        run=say_which,
        about="measure a doorbell on this machine",
        example="doorbell bench rings\ndoorbell bench idle --seconds 60",
    )
    _add_rings(group)
    _add_idle(group)
    _add_memory(group)


def _add_rings(group: Subparsers) -> None:
    parser = add_command(
        group,
        "rings",
        run=bench_rings,
        about="time rings from the button to the phone, by stage",
        example="doorbell bench rings --rings 50 --size 1280x720",
        json=True,
    )
    parser.add_argument(
        "--rings", metavar="N", type=int, default=50, help="how many (%(default)s)"
    )
    _add_scene(parser)


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
    _add_scene(parser)


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


def _add_scene(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pictures",
        metavar="DIR",
        default=PICTURES,
        help="folder with the photographs' archives (%(default)s)",
    )
    parser.add_argument(
        "--size", metavar="WxH", default="1280x720", help="of the camera (%(default)s)"
    )
    parser.add_argument(
        "--engine",
        choices=("dlib", "fake"),
        default="dlib",
        help="`fake` needs no photographs: it knows coloured squares (%(default)s)",
    )


def say_which(_context: Context) -> int:
    """`bench` alone measures nothing: each of them takes minutes."""
    msg = "say what to measure: doorbell bench rings, idle or memory"
    raise UsageError(msg)


def bench_rings(context: Context) -> int:
    """Ring and tell how long it took; 0 only if every decision was right."""
    args = context.args
    if args.rings < 1:
        msg = "at least one ring is needed"
        raise UsageError(msg)
    found: list[MeasuredRing] = []
    load = os.getloadavg()[0]
    with (
        status_line(context.err) as show,
        Sink() as sink,
        _scene(args, f"webhook+http://{sink.address}/") as (trial, company),
    ):
        trial.enrol(company.name, company.photos)
        for ring in rings.measure(trial, sink, company.visitors, args.rings):
            found.append(ring)
            show(f"ring {len(found)}/{args.rings}: {ring.decision}")
    if context.wants_json:
        context.say_json(views.rings_json(found) | views.machine(load))
    else:
        what = f"{len(found)} rings, engine {args.engine}, camera {args.size}"
        context.say(f"{what}\n{views.about(load)}\n\n{views.rings_text(found)}")
    return 0 if rings.count_right(found) == len(found) else NOT_REACHED


def bench_idle(context: Context) -> int:
    """Watch an idle daemon; 0 only if the card is spared as it should be."""
    args = context.args
    if args.seconds < 1:
        msg = "a window of less than a second tells nothing"
        raise UsageError(msg)
    load = os.getloadavg()[0]
    with (
        status_line(context.err) as show,
        Sink() as sink,
        _scene(args, f"webhook+http://{sink.address}/") as (trial, _),
    ):
        found = idle.measure(trial, args.seconds, functools.partial(_wait, show))
    if context.wants_json:
        window = {"seconds": args.seconds}
        context.say_json(window | views.idle_json(found) | views.machine(load))
    else:
        what = f"idle, {args.seconds:.0f} s, engine {args.engine}, camera {args.size}"
        context.say(f"{what}\n{views.about(load)}\n\n{views.idle_text(found)}")
    return 0 if idle.is_within_goals(idle.whole(found)) else NOT_REACHED


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


# What they share.


@contextlib.contextmanager
def _scene(args: argparse.Namespace, target: str) -> Iterator[tuple[Trial, Company]]:
    """Start a daemon whose camera shows an empty porch."""
    width, height = _size(args.size)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        porch = folder / "porch"
        porch.mkdir()
        if args.engine == "fake":
            company = painted(porch, width, height)
        else:
            company = photographed(Path(args.pictures), porch, folder)
        (porch / "scene.txt").write_text("porch.png")
        site = Site(porch, target, args.engine, width, height)
        with Trial(folder, site) as trial:
            yield trial, company


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()) or int(width) < LEAST_SIDE_PX:
        msg = f"{text!r} is no size such as 1280x720"
        raise UsageError(msg)
    return int(width), int(height)


def _wait(show: Callable[[str], None], seconds: float, what: str) -> None:
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        show(f"{what}, {left_s:.0f} s")
        time.sleep(min(left_s, 1.0))
