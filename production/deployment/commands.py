"""`doorbell-deploy`: what people and the timer ask of the deployer.

Exit codes: 0 done, 1 a bug, or a deployment that did not stay, 2 usage, 65 what is to
be published is no release, 69 something needed is down or busy, 78 bad settings.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import SettingsError
from config.loader import load
from production.deployment import publish_commands
from production.deployment.blue_green_deployer import BlueGreenDeployer
from production.deployment.guard import JUDGE_UNIT, have_judged
from production.deployment.rollback_manager import RollbackManager
from production.deployment.slots import SLOTS
from production.deployment.world import usual_world
from production.errors import BusyError, DeployError, StepFailedError
from production.health.command import look

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from config.production.production_settings import ProductionSettings
    from production.deployment.slots import Deployment

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it
    Run = Callable[[argparse.Namespace], int]

DONE, BUG_OR_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(words: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        args = build_parser().parse_args(words)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else USAGE
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        sys.stderr.write(f"interrupted; {JUDGE_UNIT} takes up what is left\n")
        have_judged()
        return INTERRUPTED
    except (DeployError, SettingsError) as error:
        sys.stderr.write(f"error: {error}\n")
        if error.hint:
            sys.stderr.write(f"hint: {error.hint}\n")
        return error.exit_code
    except PermissionError as error:
        sys.stderr.write(f"error: {error.filename}: {error.strerror}\n")
        sys.stderr.write("hint: Deployments are root's: use sudo.\n")
        return USAGE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"error: {place}{error.strerror or error}\n")
        return StepFailedError.exit_code


def build_parser() -> argparse.ArgumentParser:
    """Declare every command."""
    parser = argparse.ArgumentParser(
        prog="doorbell-deploy",
        description="Installs releases of the doorbell, and goes back from bad ones.",
        epilog="example:\n  doorbell-deploy status",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    subparsers = parser.add_subparsers(
        metavar="COMMAND", title="commands", required=True
    )
    _declare_deploy(subparsers)
    _declare_rollback(subparsers)
    _declare_views(subparsers)
    _add(
        subparsers,
        "guard",
        _guard,
        "say whether a slot may start; for its unit",
        "doorbell-deploy guard blue",
    ).add_argument("slot", choices=SLOTS)
    _add(
        subparsers,
        "check",
        _tend,
        "take up what was cut off, judge on, update in the window; for the timer",
        "doorbell-deploy check",
    )
    publish_commands.declare(subparsers)
    return parser


def _declare_deploy(subparsers: Subparsers) -> None:
    parser = _add(
        subparsers,
        "deploy",
        _deploy,
        "install a release, switch to it, judge it, keep it or go back",
        "doorbell-deploy deploy 1.4.0 https://updates.example/doorbell\n"
        "doorbell-deploy deploy 1.4.0 /media/usb/doorbell --dry-run",
    )
    parser.add_argument("version", help="as 1.4.0")
    parser.add_argument("source", help="TUF repository, or folder with --unsigned")
    parser.add_argument(
        "--unsigned",
        action="store_true",
        help="a folder of wheels without signature; development profile only",
    )
    _add_careful(parser)


def _declare_rollback(subparsers: Subparsers) -> None:
    parser = _add(
        subparsers,
        "rollback",
        _rollback,
        "end the trial, or bring back the release before",
        'doorbell-deploy rollback --why "the porch light confuses it"',
    )
    _add_careful(parser)


def _add_careful(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="tell every step, change nothing"
    )
    parser.add_argument("--why", default="by hand", help="for the history")


def _declare_views(subparsers: Subparsers) -> None:
    views: tuple[tuple[str, Run, str], ...] = (
        ("status", _status, "what is installed and under way"),
        ("history", _history, "the deployments that ended: who, when, why, outcome"),
        ("health", _health, "how the doorbell is, seen from outside"),
    )
    for name, run, about in views:
        example = f"doorbell-deploy {name}\ndoorbell-deploy {name} --json"
        _add(subparsers, name, run, about, example)


def _add(
    subparsers: Subparsers, name: str, run: Run, about: str, example: str
) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(
        name,
        help=about,
        description=f"{about[:1].upper()}{about[1:]}.",
        epilog="example:\n  " + example.replace("\n", "\n  "),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", help="settings file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)
    return parser


def _settings(args: argparse.Namespace) -> ProductionSettings:
    return load(Path(args.config) if args.config else None, os.environ)


def _deployer(args: argparse.Namespace, why: str = "") -> BlueGreenDeployer:
    settings = _settings(args)
    return BlueGreenDeployer(
        settings,
        usual_world(settings, _say, args.config),
        why=why or "by hand",
        trusts_unsigned=getattr(args, "unsigned", False),
    )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _print(args: argparse.Namespace, content: Mapping[str, object], text: str) -> None:
    sys.stdout.write(f"{json.dumps(content) if args.json else text}\n")


def _deploy(args: argparse.Namespace) -> int:
    deployer = _deployer(args, args.why)
    if args.dry_run:
        return _tell(args, deployer.plan(args.version, args.source))
    # A terminal that is closed must not leave a trial without a judge.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    return _ended(args, deployer, deployer.deploy(args.version, args.source))


def _rollback(args: argparse.Namespace) -> int:
    deployer = _deployer(args, args.why)
    if args.dry_run:
        return _tell(args, deployer.plan_rollback())
    return _ended(args, deployer, deployer.rollback())


def _tell(args: argparse.Namespace, told: list[str]) -> int:
    lines = [f"{place}. {text}" for place, text in enumerate(told, 1)]
    _print(args, {"steps": told}, "\n".join([*lines, "nothing was changed"]))
    return DONE


def _ended(args: argparse.Namespace, deployer: BlueGreenDeployer, stays: bool) -> int:  # noqa: FBT001 - what became of it
    last = deployer.history()[-1]
    _print(args, asdict(last), _line(last))
    return DONE if stays else BUG_OR_FAILED


def _tend(args: argparse.Namespace) -> int:
    try:
        done = _deployer(args).tend()
    except BusyError:
        # Whoever deploys also judges.
        done = "a deployment is under way"
    _print(args, {"done": done}, done)
    return DONE


def _guard(args: argparse.Namespace) -> int:
    from production.deployment import guard  # noqa: PLC0415 - usually asked without all of this

    return guard.main([args.slot])


def _status(args: argparse.Namespace) -> int:
    state = _deployer(args).status()
    lines = [
        f"{'*' if slot == state.active else ' '} {slot}: "
        f"{state.versions.get(slot, 'empty')}"
        for slot in SLOTS
    ]
    current = state.deployment
    if current is not None:
        tries = f", {current.tries} tries left" if current.phase == "trial" else ""
        lines.append(f"{current.version} in {current.slot}: {current.phase}{tries}")
    if state.floor:
        lines.append(f"no version below {state.floor}")
    content = {key: value for key, value in asdict(state).items() if key != "history"}
    _print(args, content, "\n".join(lines))
    return DONE


def _health(args: argparse.Namespace) -> int:
    code, report, text = look(_settings(args))
    _print(args, report, text)
    return code


def _history(args: argparse.Namespace) -> int:
    settings = _settings(args)
    world = usual_world(settings, _say, args.config)
    history = BlueGreenDeployer(settings, world).history()
    statistics = RollbackManager(settings, world).statistics()
    content = {"history": [asdict(one) for one in history], "statistics": statistics}
    lines = [_line(one) for one in history] or ["nothing was deployed yet"]
    _print(args, content, "\n".join(lines))
    return DONE


def _line(one: Deployment) -> str:
    took = f", {one.took_s:.0f} s" if one.took_s is not None else ""
    switch_s = one.measured.get("switch_s")
    took += f", switched in {switch_s:.1f} s" if switch_s is not None else ""
    return (
        f"{one.number:>3} {one.began} {one.version or '-':<10} {one.phase:<11} "
        f"{one.slot or '-':<5} by {one.who} ({one.why}){took}: {one.reason}"
    )
