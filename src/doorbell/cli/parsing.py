"""How commands are declared, so that each looks and behaves alike."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from doorbell.cli.context import Context

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it
    Run = Callable[[Context], int]

# Said in the list of commands without loading what they are made of.
ABOUT_DEMO = "ring on real photographs, without hardware"
ABOUT_BENCH = "measure a doorbell on this machine"
ABOUT_EVALUATE = "measure how well faces are recognised"


def add_config(parser: argparse.ArgumentParser, default: object) -> None:
    """Add the global option; it is understood before and after the command."""
    parser.add_argument(
        "--config", metavar="FILE", default=default, help="settings file"
    )


def add_command(  # noqa: PLR0913 - one argument for each thing a command has
    subparsers: Subparsers,
    name: str,
    *,
    run: Run,
    about: str,
    example: str,
    description: str = "",
    json: bool = False,
) -> argparse.ArgumentParser:
    """Declare a command.

    Args:
        subparsers: where it belongs.
        name: the word that calls it.
        run: does it; returns the exit code.
        about: half a sentence, for the list of commands.
        example: command lines, without prompt.
        description: what `--help` says; `about` if empty.
        json: add `--json`.
    """
    parser = subparsers.add_parser(
        name,
        help=about,
        description=description or f"{about[:1].upper()}{about[1:]}.",
        epilog="example:\n  " + example.replace("\n", "\n  "),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_config(parser, argparse.SUPPRESS)
    if json:
        # No default: that of a command would undo `--json` given to its group.
        parser.add_argument(
            "--json",
            action="store_true",
            default=argparse.SUPPRESS,
            help="print one JSON object",
        )
    parser.set_defaults(command=run)
    return parser


def add_group(  # noqa: PLR0913 - as above
    subparsers: Subparsers,
    name: str,
    *,
    run: Run,
    about: str,
    example: str,
    json: bool = False,
) -> Subparsers:
    """Declare a command with commands of its own; `run` is what it does without."""
    parser = add_command(
        subparsers, name, run=run, about=about, example=example, json=json
    )
    return parser.add_subparsers(metavar="COMMAND", title="commands")
