"""The program `doorbell`: parse, run one command, turn what happened into an exit code.

Exit codes: 0 done, 1 a bug, 2 usage, 65 bad input data, 69 something needed is down,
75 hardware absent, 78 bad settings, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import traceback
from importlib.metadata import version
from typing import TYPE_CHECKING

from config.errors import SettingsError
from doorbell.cli import (
    audit_commands,
    backup_commands,
    config_commands,
    doctor_command,
    enrol_command,
    health_command,
    look_command,
    metrics_command,
    models_commands,
    notify_commands,
    people_commands,
    press_command,
    run_command,
    setup_command,
    status_command,
    visits_commands,
)
from doorbell.cli.context import Context, ReaderGoneError, connect_to_hub
from doorbell.cli.parsing import ABOUT_BENCH, ABOUT_DEMO, ABOUT_EVALUATE, add_config
from doorbell.core.errors import DoorbellError, UnavailableError
from monitoring.logging.audit_errors import AuditError
from monitoring.logging.structured_logging import configure_logging, error_id, mask

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from doorbell.cli.context import Connect
    from doorbell.cli.parsing import Subparsers

BUG = 1
USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, as a shell says it
READER_GONE = 141  # 128 + SIGPIPE

# What is missing of these is a bug; other packages belong to extras.
_OURS = ("", "config", "doorbell", "monitoring")
_GROUPS = (
    run_command,
    press_command,
    enrol_command,
    people_commands,
    visits_commands,
    look_command,
    notify_commands,
    status_command,
    health_command,
    metrics_command,
    audit_commands,
    backup_commands,
    models_commands,
    config_commands,
    doctor_command,
    setup_command,
)


def _add_heavy(subparsers: Subparsers, words: Container[str] | None) -> None:
    """Declare what loads half of the program, whole only where it is called.

    Every other command, and the daemon, would pay for it in time and memory.
    """
    if words is None or "demo" in words:
        from doorbell.cli import demo_command  # noqa: PLC0415 - see above

        demo_command.add_parser(subparsers)
    else:
        subparsers.add_parser("demo", help=ABOUT_DEMO)
    if words is None or "bench" in words:
        from doorbell.cli import bench_command  # noqa: PLC0415 - see above

        bench_command.add_parser(subparsers)
    else:
        subparsers.add_parser("bench", help=ABOUT_BENCH)
    if words is None or "evaluate" in words:
        from doorbell.cli import evaluate_command  # noqa: PLC0415 - see above

        evaluate_command.add_parser(subparsers)
    else:
        subparsers.add_parser("evaluate", help=ABOUT_EVALUATE)


def build_parser(words: Container[str] | None = None) -> argparse.ArgumentParser:
    """Declare every command.

    Args:
        words: of the command line; commands not among them may be declared by name
            only. None declares all of all.
    """
    parser = argparse.ArgumentParser(
        prog="doorbell",
        description="A doorbell that says who is there and keeps faces at home.",
        epilog="example:\n  doorbell press --image visitor.jpg --json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"doorbell {version('doorbell-edge')}"
    )
    add_config(parser, None)
    subparsers = parser.add_subparsers(metavar="COMMAND", title="commands")
    for group in _GROUPS:
        group.add_parser(subparsers)
    _add_heavy(subparsers, words)
    return parser


def main(
    argv: Sequence[str] | None = None,
    *,
    connect: Connect = connect_to_hub,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Run one command and return its exit code.

    Args:
        argv: the words after the program's name; None for those of this process.
        connect: how commands come by the hub.
        environ: None for the environment of this process.
    """
    if argv is None:
        _prepare_process()
    try:
        args = build_parser(sys.argv if argv is None else argv).parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else USAGE
    context = Context(args, os.environ if environ is None else environ, connect)
    if not hasattr(args, "command"):
        context.warn("error: no command given\nhint: `doorbell --help` lists them")
        return USAGE
    return _run(context)


def _run(context: Context) -> int:
    try:
        code = context.args.command(context)
    except ReaderGoneError:
        _forget_stdout()
        return READER_GONE
    except KeyboardInterrupt:
        context.warn("interrupted")
        return INTERRUPTED
    except (DoorbellError, SettingsError, AuditError) as error:
        # Only what a log has under an id is shown with it.
        number = getattr(error, "error_id", "")
        return _failed(context, str(error), error.hint, error.exit_code, number)
    except ModuleNotFoundError as error:
        return _lacks(context, error)
    except Exception as error:  # noqa: BLE001 - process border: a bug gets one line and a file
        return _bug(context, error)
    return int(code)


def _lacks(context: Context, error: ModuleNotFoundError) -> int:
    package = (error.name or "").partition(".")[0]
    if package in _OURS:
        return _bug(context, error)
    return _failed(
        context,
        f"the Python package {package} is not installed",
        "Install the extra it belongs to, as `pip install 'doorbell-edge[vision]'`.",
        UnavailableError.exit_code,
    )


def _failed(
    context: Context, message: str, hint: str, code: int, number: str = ""
) -> int:
    context.warn(f"error: {mask(message)}")
    if hint:
        context.warn(f"hint: {mask(hint)}")
    if number:
        context.warn(f"error id: {number}")
    return code


def _bug(context: Context, error: Exception) -> int:
    what = f"{type(error).__name__}: {error}".split("\n", maxsplit=1)[0]
    number = error_id(error)
    trace = mask("".join(traceback.format_exception(error)))
    trace += f"error id: {number}\n"
    try:
        fd, path = tempfile.mkstemp(prefix="doorbell-", suffix=".traceback")
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(trace)
    except OSError:
        return _failed(context, f"this is a bug: {what}", trace, BUG, number)
    hint = f"The traceback is in {path}; please report it."
    return _failed(context, f"this is a bug: {what}", hint, BUG, number)


def _prepare_process() -> None:
    """Set up what belongs to a process of our own and not to a test's."""
    configure_logging("warning", "plain", sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks must not end the command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _forget_stdout() -> None:
    """Keep the interpreter from complaining about the closed pipe when it exits."""
    try:
        fd = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), fd)


if __name__ == "__main__":
    sys.exit(main())
