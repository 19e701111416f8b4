"""`doorbell bench engines`: engines side by side, with plain face_recognition."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli.bench_scene import PICTURES, PREFIX
from doorbell.cli.bench_views import about, machine
from doorbell.cli.parsing import add_command
from doorbell.cli.progress import status_line
from doorbell.core.errors import UsageError
from doorbell.runtime.models import models_folder

if TYPE_CHECKING:
    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers

DESCRIPTION = """\
Measure every installed engine and plain face_recognition on the same frames of
1280 by 720 pixels, by turns, each in a process of its own: milliseconds by step, frames
a second with one and two processes, memory and load time; then the search among many
enrolled people. Exits 0 also where something is missing: it says what."""


def add_parser(group: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        group,
        "engines",
        run=bench_engines,
        about="hold the engines against plain face_recognition",
        description=DESCRIPTION,
        example="doorbell bench engines --rounds 5\ndoorbell bench engines --json",
        json=True,
    )
    parser.add_argument(
        "--pictures",
        metavar="DIR",
        default=PICTURES,
        help="photographs, or what `make demo` fetched (%(default)s)",
    )
    parser.add_argument(
        "--rounds",
        metavar="N",
        type=int,
        default=3,
        help="how often each takes every frame (%(default)s)",
    )
    parser.add_argument(
        "--seconds",
        metavar="S",
        type=float,
        default=3.0,
        help="how long each runs for its frames a second (%(default)s)",
    )


def bench_engines(context: Context) -> int:
    """Measure and print a table that can be pasted into a README."""
    # numpy and the engines' libraries are no part of other commands.
    import numpy as np  # noqa: PLC0415 - see above

    from doorbell.cli import bench_engine_views as views  # noqa: PLC0415 - see above
    from doorbell.evaluation import bench_frames, contest, search_times  # noqa: PLC0415 - see above

    args = context.args
    if args.rounds < 1 or args.seconds <= 0:
        msg = "at least one round and some time are needed"
        raise UsageError(msg)
    load = os.getloadavg()[0]
    with (
        status_line(context.err) as show,
        tempfile.TemporaryDirectory(prefix=PREFIX) as name,
    ):
        work = Path(name)
        frames = bench_frames.frames_of(Path(args.pictures), work)
        file = work / "frames.npy"
        np.save(file, frames)
        found = list(
            contest.measure(
                file,
                models=models_folder(context.settings),
                work=work,
                rounds=args.rounds,
                seconds=args.seconds,
                progress=show,
            )
        )
        show("searching")
        searches = search_times.measure()
    if context.wants_json:
        context.say_json(views.as_json(found, searches) | machine(load))
    else:
        what = f"{len(frames) - 1} frames of 1280x720 with a face, {args.rounds} rounds"
        context.say(f"{what}\n{about(load)}\n\n{views.as_text(found, searches)}")
    return 0
