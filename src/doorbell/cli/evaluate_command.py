"""`doorbell evaluate`: how well an engine tells people apart, on published photographs.

The heavy imports are inside the commands: the parser must stay light.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli.parsing import ABOUT_EVALUATE, add_command, add_group
from doorbell.core.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Run, Subparsers

ENGINES = ("dlib", "dlib-onnx", "mobilefacenet", "fake")
HALVES = ("all", "derived", "reported")


def add_parser(subparsers: Subparsers) -> None:
    """Declare the commands."""
    group = add_group(
        subparsers,
        "evaluate",
        run=say_which,
        about=ABOUT_EVALUATE,
        example="doorbell evaluate openset lfw\ndoorbell evaluate gallery",
    )
    _add_pairs(group)
    _add_openset(group)
    _add_burst(group)
    _add_gallery(group)
    _add_calibrate(group)


def _add_pairs(group: Subparsers) -> None:
    parser = add_command(
        group,
        "pairs",
        run=_run("pairs"),
        about="tell pairs of photographs: one person or two",
        example="doorbell evaluate pairs lfw\n"
        "doorbell evaluate pairs pairs.tsv --photos lfw --plot pairs.png",
        json=True,
    )
    parser.add_argument(
        "source",
        metavar="DIR|PAIRS",
        type=Path,
        help="photographs (a `pairs.tsv` beside them is used), or a list of pairs",
    )
    parser.add_argument(
        "--photos",
        metavar="DIR",
        type=Path,
        help="of a list: where its photographs are (`lfw` beside it)",
    )
    _add_common(parser)


def _add_openset(group: Subparsers) -> None:
    parser = add_command(
        group,
        "openset",
        run=_run("openset"),
        about="enrol some people and let everybody ring",
        example="doorbell evaluate openset lfw --engine dlib-onnx --plot openset.png",
        json=True,
    )
    parser.add_argument("source", metavar="DIR", type=Path, help="photographs")
    _add_size(parser)
    parser.add_argument(
        "--conditions",
        choices=("all", "none"),
        default="all",
        help="visits in the dark, with a cap and so on (%(default)s)",
    )
    _add_half(parser)
    _add_common(parser)


def _add_size(parser: argparse.ArgumentParser, draws: int = 20) -> None:
    for name, default, about in (
        ("--enrol", 3, "photographs enrolled of each"),
        ("--people", 100, "people enrolled"),
        ("--draws", draws, "houses drawn"),
    ):
        parser.add_argument(
            name,
            metavar="N",
            type=_count,
            default=default,
            help=f"{about} (%(default)s)",
        )


def _add_half(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--half",
        choices=HALVES,
        default="all",
        help="of the people: those that constants were derived on, or the others "
        "(%(default)s)",
    )


def _add_burst(group: Subparsers) -> None:
    parser = add_command(
        group,
        "burst",
        run=_run("burst"),
        about="compare a visit's frames together with its best frame alone",
        example="doorbell evaluate burst lfw --seed 1",
        json=True,
    )
    parser.add_argument("source", metavar="DIR", type=Path, help="photographs")
    _add_size(parser, draws=5)
    parser.add_argument(
        "--visits",
        metavar="N",
        type=_count,
        default=400,
        help="photographs of enrolled people, and as many of strangers (%(default)s)",
    )
    _add_half(parser)
    _add_common(parser)


def _add_gallery(group: Subparsers) -> None:
    add_command(
        group,
        "gallery",
        run=_run("gallery"),
        about="judge the people enrolled here, and the visits you have labelled",
        example="doorbell evaluate gallery",
        json=True,
    )


def _add_calibrate(group: Subparsers) -> None:
    parser = add_command(
        group,
        "calibrate",
        run=_run("calibrate"),
        about="derive an engine's calibration from photographs of many people",
        example="doorbell evaluate calibrate lfw --engine dlib-onnx",
        description="Derive the constants on the people whose name's SHA-256 has an "
        "even second byte, and show what they come to for the others.",
        json=True,
    )
    parser.add_argument("source", metavar="DIR", type=Path, help="photographs")
    _add_common(parser)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine", choices=ENGINES, help="instead of that of the settings"
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=1, help="of the draws (%(default)s)"
    )
    parser.add_argument("--plot", metavar="FILE", type=Path, help="draw it into a PNG")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _run(name: str) -> Run:
    def run(context: Context) -> int:
        # numpy, OpenCV and the engine, which no other command needs.
        from doorbell.cli import evaluations  # noqa: PLC0415 - see above

        return evaluations.COMMANDS[name](context)

    return run


def say_which(_context: Context) -> int:
    """Answer a group called without a command."""
    msg = "say what: pairs, openset, burst, gallery or calibrate"
    raise UsageError(msg, hint="`doorbell evaluate --help` explains them.")
