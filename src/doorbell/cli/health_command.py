"""`doorbell health`: what is wrong with the running doorbell, and what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from doorbell.cli import shown
from doorbell.cli.context import answer
from doorbell.cli.parsing import add_command
from doorbell.core.errors import DoorbellError, UnavailableError
from doorbell.runtime.replies import Health
from doorbell.runtime.requests import ShowHealth

if TYPE_CHECKING:
    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from monitoring.health.report import CheckResult, HealthReport

NOT_READY = UnavailableError.exit_code


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    add_command(
        subparsers,
        "health",
        run=health,
        about="show what is wrong with the running doorbell and what mends it",
        example="doorbell health\ndoorbell health --json | jq .failing",
        description="Ask the running doorbell how it is. Exits with 0 while it is "
        "ready to be rung, else with 69.",
        json=True,
    )


def health(context: Context) -> int:
    """Print the report; 0 only when the doorbell is ready."""
    try:
        with context.hub() as hub:
            report = answer(hub, ShowHealth(), Health)[0].report
    except DoorbellError as error:
        if context.wants_json:
            context.say_json(_unreachable(error))
        raise
    if context.wants_json:
        context.say_json(msgspec.to_builtins(report))
    else:
        _show(context, report)
    return 0 if report.ready else NOT_READY


def _unreachable(error: DoorbellError) -> dict[str, object]:
    """Say to a script what is known of a doorbell that does not answer."""
    return {
        "status": "unhealthy",
        "ready": False,
        "score": 0.0,
        "failing": ["daemon"],
        "checks": {},
        "detail": str(error),
        "hint": error.hint,
    }


def _show(context: Context, report: HealthReport) -> None:
    ready = "ready" if report.ready else "not ready"
    context.say(
        f"{report.status}, {ready}, score {report.score:.2f}; "
        f"version {report.version}, up {report.uptime_s:.0f} s"
    )
    rows = [_row(name, check) for name, check in report.checks.items()]
    context.say(shown.table(("CHECK", "STATUS", "FOR", "DETAIL"), rows))
    for name, check in report.checks.items():
        if check.hint:
            context.say(f"\n{name}: {check.hint}")
            if check.repair:
                context.say(f"  {check.repair}")


def _row(name: str, check: CheckResult) -> tuple[str, str, str, str]:
    return name, str(check.status), _span(check.for_s), check.detail


def _span(seconds: float) -> str:
    """Show a duration in its largest whole unit.

    >>> _span(7260.0)
    '2 h'
    """
    for unit_s, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds // unit_s:.0f} {unit}"
    return f"{seconds:.0f} s"
