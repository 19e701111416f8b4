"""`doorbell bench pace`: rings on a machine as slow as a Pi 4."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli import bench_views as views
from doorbell.cli.bench_scene import FAKE, NOT_REACHED, add_scene, staged
from doorbell.cli.parsing import add_command
from doorbell.core.errors import UsageError
from doorbell.evaluation import rings
from doorbell.evaluation.figures import spread
from doorbell.evaluation.throttle import Throttle
from doorbell.evaluation.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from doorbell.evaluation.pace import Pace
    from doorbell.evaluation.rings import MeasuredRing

DESCRIPTION = """\
Let the processes of a daemon run for such a share of the time that plain
face_recognition would take 2 s a frame, as on a Pi 4, and time its rings. A stand-in:
memory and disk stay as fast as they are. Exits 0 if the push that says who comes within
a second, by the median of visitors with a face."""


def add_parser(group: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        group,
        "pace",
        run=bench_pace,
        about="time rings on a machine made as slow as a Pi 4",
        description=DESCRIPTION,
        example="doorbell bench pace --rings 16",
        json=True,
    )
    parser.add_argument(
        "--rings", metavar="N", type=int, default=16, help="how many (%(default)s)"
    )
    add_scene(parser)


def bench_pace(context: Context) -> int:
    """Slow the machine down, ring, and say how long it took."""
    # numpy is no part of other commands.
    import numpy as np  # noqa: PLC0415 - see above

    from doorbell.evaluation import bench_frames, pace  # noqa: PLC0415 - see above

    args = context.args
    if args.engine == FAKE or args.rings < 1:
        msg = "at least one ring and an engine that knows faces are needed"
        raise UsageError(msg)
    load = os.getloadavg()[0]
    rung: list[MeasuredRing] = []
    with staged(context) as (show, sink, place):
        show("finding the pace")
        frames = bench_frames.frames_of(Path(args.pictures), place.folder)
        file = place.folder / "frames.npy"
        np.save(file, frames)
        slow = pace.found(file, Path(place.site.models))
        with Trial(place.folder, place.site) as trial:
            trial.enrol(place.company.name, place.company.photos)
            with Throttle(trial.pids().values(), slow.share):
                visitors = place.company.visitors
                for one in rings.measure(trial, sink, visitors, args.rings):
                    rung.append(one)
                    show(f"ring {len(rung)}/{args.rings}: {one.decision}")
    pushed = spread(_pushes_with_a_face(rung))
    is_reached = pushed is not None and pushed.median <= pace.GOAL_MS
    if context.wants_json:
        facts = {"pace": _pace_json(slow), "is_within_goal": is_reached}
        context.say_json(views.rings_json(rung) | facts | views.machine(load))
    else:
        context.say(f"{_about(slow)}\n{views.about(load)}\n\n{views.rings_text(rung)}")
    return 0 if is_reached else NOT_REACHED


def _pushes_with_a_face(rung: Sequence[MeasuredRing]) -> list[float]:
    return [
        one.took_ms["push"]
        for one in rung
        if one.visitor.decision != "nobody" and "push" in one.took_ms
    ]


def _about(slow: Pace) -> str:
    return (
        f"processes run {slow.share:.0%} of the time: plain face_recognition takes "
        f"{slow.slow_ms:.0f} ms a frame, {slow.free_ms:.0f} without"
    )


def _pace_json(slow: Pace) -> dict[str, float]:
    return {"share": slow.share, "free_ms": slow.free_ms, "slow_ms": slow.slow_ms}
