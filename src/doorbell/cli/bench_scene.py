"""What measurements of a daemon share: its place, who comes, and how long to wait."""

from __future__ import annotations

import contextlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli.progress import status_line
from doorbell.core.errors import UsageError
from doorbell.evaluation.trial import Site
from doorbell.evaluation.visitors import Company, painted, photographed
from doorbell.runtime.models import models_folder
from doorbell.testing.sink import Sink

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from doorbell.cli.context import Context

PICTURES = ".cache/demo-pictures"
PREFIX = "doorbell-bench-"
NOT_REACHED = 1
LEAST_SIDE_PX = 160
FAKE = "fake"
ENGINES = ("auto", "dlib", "dlib-onnx", "mobilefacenet", FAKE)


@dataclass(frozen=True, slots=True)
class Scene:
    """A folder for a daemon, and who comes to its door."""

    folder: Path
    site: Site
    company: Company


def add_scene(parser: argparse.ArgumentParser) -> None:
    """Declare what every measurement of a daemon can be told."""
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
        choices=ENGINES,
        default="auto",
        help="`auto` is the best that is installed; `fake` needs no photographs: it "
        "knows coloured squares (%(default)s)",
    )


@contextlib.contextmanager
def staged(
    context: Context, *, anticipate: bool = True
) -> Iterator[tuple[Callable[[str], None], Sink, Scene]]:
    """Set up an empty porch, visitors, models and a target; no daemon runs yet.

    Yields what tells a person how far we are, what is told of visits, and the scene.

    Args:
        context: with the arguments of `add_scene`.
        anticipate: as in the settings.

    Raises:
        UsageError: the size is none.
        BadInputError: the photographs are not there.
    """
    with status_line(context.err) as show, Sink() as sink:
        target = f"webhook+http://{sink.address}/"
        with _scene(context, target, anticipate=anticipate) as place:
            yield show, sink, place


@contextlib.contextmanager
def _scene(context: Context, target: str, *, anticipate: bool) -> Iterator[Scene]:
    args = context.args
    width, height = size_of(args.size)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        porch = folder / "porch"
        porch.mkdir()
        models = ""
        if args.engine == FAKE:
            company = painted(porch, width, height)
        else:
            # numpy and the engines' libraries are no part of other commands.
            from doorbell.evaluation.contest import furnished  # noqa: PLC0415 - see above

            company = photographed(Path(args.pictures), porch, folder)
            ours = models_folder(context.settings)
            models = str(furnished(ours, folder / "models", yunet=True))
        (porch / "scene.txt").write_text("porch.png")
        site = Site(
            porch,
            target,
            args.engine,
            width,
            height,
            anticipate=anticipate,
            models=models,
        )
        yield Scene(folder, site, company)


def size_of(text: str) -> tuple[int, int]:
    """Read a size such as 1280x720.

    Raises:
        UsageError: it is none.
    """
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()) or int(width) < LEAST_SIDE_PX:
        msg = f"{text!r} is no size such as 1280x720"
        raise UsageError(msg)
    return int(width), int(height)


def wait(show: Callable[[str], None], seconds: float, what: str) -> None:
    """Wait, telling for what and how long still."""
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        show(f"{what}, {left_s:.0f} s")
        time.sleep(min(left_s, 1.0))
