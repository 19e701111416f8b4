"""`doorbell notify test`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.errors import Mistake, SettingsError
from doorbell.cli import shown
from doorbell.cli.context import replies
from doorbell.cli.parsing import add_command, add_group
from doorbell.core.errors import UsageError
from doorbell.runtime.replies import TargetAnswered
from doorbell.runtime.requests import TestTargets

if TYPE_CHECKING:
    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers

_UNSENT = 69


def add_parser(subparsers: Subparsers) -> None:
    """Declare the commands."""
    group = add_group(
        subparsers,
        "notify",
        run=say_how,
        about="try the targets of notifications",
        example="doorbell notify test",
    )
    parser = add_command(
        group,
        "test",
        run=test_targets,
        about="send a marked push with a picture",
        example="doorbell notify test phone",
        json=True,
    )
    parser.add_argument(
        "target", metavar="TARGET", nargs="?", help="its name; all if left out"
    )


def say_how(_context: Context) -> int:
    """`notify` alone sends nothing: it could wake somebody."""
    msg = "say what to do: doorbell notify test [TARGET]"
    raise UsageError(msg)


def test_targets(context: Context) -> int:
    """Send a push to each target; exit 69 unless every one was sent."""
    target = context.args.target
    names = [one.name for one in context.settings.notify.targets if one.enabled]
    if not names:
        message = "there is no target to send to: add a [[notify.targets]] section"
        raise SettingsError([Mistake("notify.targets", None, message)])
    if target is not None and target not in names:
        msg = f"there is no target `{target}`"
        raise UsageError(msg, hint=f"There are: {', '.join(names)}.")
    with context.hub("notify") as hub:
        request = TestTargets(target=target)
        answers = [r for r in replies(hub, request) if isinstance(r, TargetAnswered)]
    _report(context, answers)
    sent = bool(answers) and all(one.outcome == "sent" for one in answers)
    return 0 if sent else _UNSENT


def _report(context: Context, answers: list[TargetAnswered]) -> None:
    if context.wants_json:
        context.say_json({"targets": [_view(one) for one in answers]})
        return
    rows = [
        (one.target, one.outcome, f"{one.took_ms:.0f} ms", one.detail)
        for one in answers
    ]
    context.say(shown.table(("TARGET", "OUTCOME", "TOOK", "DETAIL"), rows))


def _view(one: TargetAnswered) -> dict[str, object]:
    return {
        "target": one.target,
        "outcome": one.outcome,
        "detail": one.detail,
        "took_ms": one.took_ms,
    }
