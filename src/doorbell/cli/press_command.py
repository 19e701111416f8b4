"""`doorbell press`: ring the bell from a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.cli import pictures, shown
from doorbell.cli.context import answer, replies
from doorbell.cli.parsing import add_command
from doorbell.cli.views import press_view
from doorbell.cli.visits_commands import who
from doorbell.core.errors import UnavailableError, UsageError
from doorbell.runtime.replies import Accepted, Visit
from doorbell.runtime.requests import PressRequest, RingSelfTest

if TYPE_CHECKING:
    from doorbell.cli.context import Context, Hub
    from doorbell.cli.parsing import Subparsers
    from doorbell.runtime.replies import VisitView

MAX_IMAGES = 16
_NOT_DURABLE = 69


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        subparsers,
        "press",
        run=press,
        about="ring the bell, and wait for who it is",
        example="doorbell press --json\ndoorbell press --image visitor.jpg",
        json=True,
    )
    parser.add_argument(
        "--image",
        metavar="FILE",
        nargs="+",
        action="extend",
        default=[],
        help=f"look at these pictures instead of the camera, up to {MAX_IMAGES}",
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="only until the ring is on disk"
    )
    parser.add_argument(
        "--synthetic",
        action="store_true",
        help="a self-test of the daemon: sounds nothing, tells nobody, is in no list "
        "of visits",
    )


def press(context: Context) -> int:
    """Ring, and report what came of it."""
    args = context.args
    paths = pictures.expand(args.image)
    if len(paths) > MAX_IMAGES:
        msg = f"{len(paths)} pictures are too many; at most {MAX_IMAGES}"
        raise UsageError(msg)
    roles = {"button", "vision", "notify"} | (set() if paths else {"capture"})
    if args.synthetic:
        # Of the daemon: a hub of our own would prove nothing.
        with pictures.opened(paths) as fds, context.daemon() as hub:
            _show(context, answer(hub, RingSelfTest(), Visit, fds)[0].view)
        return 0
    with pictures.opened(paths) as fds, context.hub(*roles) as hub:
        accepted, view = _ring(context, hub, fds)
    if view is None and not args.no_wait:
        msg = f"visit {accepted.visit} was journalled, but no answer came"
        raise UnavailableError(msg)
    _report(context, accepted, view)
    if accepted.ring.durable:
        return 0
    context.warn("error: the ring was told, but could not be written to disk")
    return _NOT_DURABLE


def _ring(
    context: Context, hub: Hub, fds: list[int]
) -> tuple[Accepted, VisitView | None]:
    accepted: Accepted | None = None
    view: VisitView | None = None
    request = PressRequest(wait=not context.args.no_wait)
    for reply in replies(hub, request, fds):
        if isinstance(reply, Accepted):
            accepted = reply
            context.warn(f"rung: visit {reply.visit}")
        elif isinstance(reply, Visit):
            view = reply.view
    if accepted is None:
        msg = "the ring was not accepted"
        raise UnavailableError(msg)
    return accepted, view


def _report(context: Context, accepted: Accepted, view: VisitView | None) -> None:
    if view is not None:
        _show(context, view)
    elif context.wants_json:
        context.say_json(_unawaited(accepted))
    else:
        context.say(accepted.visit)


def _show(context: Context, view: VisitView) -> None:
    if context.wants_json:
        context.say_json(press_view(view))
    else:
        context.say(f"{press_view(view)['decision']}: {shown.plain(who(view))}")
        steps = sorted(view.timings_ms.items(), key=lambda item: item[1])
        context.say(", ".join(f"{step} after {took:.0f} ms" for step, took in steps))


def _unawaited(accepted: Accepted) -> dict[str, object]:
    return {
        "visit": accepted.visit,
        "decision": "degraded",
        "reason": "not waited for",
        "faces": [],
        "timings_ms": {},
    }
