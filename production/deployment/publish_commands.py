"""`doorbell-deploy publish`: for whoever makes releases, on a machine of their own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from production.deployment.publish import Publisher

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it


def declare(subparsers: Subparsers) -> None:
    """Declare the command and its own."""
    about = "make and sign releases: a TUF repository"
    group = subparsers.add_parser(
        "publish",
        help=about,
        description=f"{about[:1].upper()}{about[1:]}.",
        epilog="example:\n  doorbell-deploy publish add repository/ 1.4.0 wheels/ "
        "--keys keys/",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = group.add_subparsers(metavar="WHAT", title="what", required=True)
    _declare_init(commands)
    _declare_add(commands)
    _declare_refresh(commands)
    describe = _add(
        commands,
        "describe",
        _describe,
        "write release.json and requirements.txt beside wheels, unsigned",
        "doorbell-deploy publish describe 1.4.0 wheels/",
    )
    describe.add_argument("version", help="as 1.4.0")
    describe.add_argument("wheels", type=Path, help="folder of wheels")
    describe.add_argument("--floor", default="", help="no version below this after it")


def _declare_init(commands: Subparsers) -> None:
    parser = _add(
        commands,
        "init",
        _init,
        "make keys and an empty repository; print the root for the devices",
        "doorbell-deploy publish init repository/ --keys keys/",
    )
    _add_repository(parser)


def _declare_add(commands: Subparsers) -> None:
    parser = _add(
        commands,
        "add",
        _add_release,
        "sign a folder of wheels as a release",
        "doorbell-deploy publish add repository/ 1.4.0 wheels/ --keys keys/",
    )
    _add_repository(parser)
    parser.add_argument("version", help="as 1.4.0")
    parser.add_argument("wheels", type=Path, help="folder of wheels, one platform's")
    parser.add_argument("--floor", default="", help="no version below this after it")
    parser.add_argument("--notes", default="", help="for people")


def _declare_refresh(commands: Subparsers) -> None:
    parser = _add(
        commands,
        "refresh",
        _refresh,
        "sign what there is anew, before it expires after 14 days",
        "doorbell-deploy publish refresh repository/ --keys keys/",
    )
    _add_repository(parser)


def _add(
    commands: Subparsers, name: str, run: object, about: str, example: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=about,
        description=f"{about[:1].upper()}{about[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def _add_repository(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("repository", type=Path, help="folder of the repository")
    parser.add_argument(
        "--keys", type=Path, required=True, help="folder of the five keys"
    )
    parser.add_argument(
        "--passphrase-file", type=Path, help="what the keys are locked with"
    )


def _publisher(args: argparse.Namespace) -> Publisher:
    from production.deployment.publish import Publisher  # noqa: PLC0415 - python-tuf, which a device's other commands go without

    file = args.passphrase_file
    passphrase = file.read_bytes().strip() if file else None
    return Publisher(args.repository, args.keys, passphrase=passphrase)


def _init(args: argparse.Namespace) -> int:
    root = _publisher(args).begin()
    sys.stdout.write(f"{root}\n")
    return 0


def _add_release(args: argparse.Namespace) -> int:
    _publisher(args).add(args.version, args.wheels, floor=args.floor, notes=args.notes)
    return 0


def _refresh(args: argparse.Namespace) -> int:
    _publisher(args).refresh()
    return 0


def _describe(args: argparse.Namespace) -> int:
    from production.deployment.publish import describe  # noqa: PLC0415 - as above

    described = describe(args.version, args.wheels, floor=args.floor)
    for name, content in described.items():
        (args.wheels / name).write_bytes(content)
    return 0
