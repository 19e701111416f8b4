"""`doorbell status`: how the daemon is doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from doorbell.cli import shown
from doorbell.cli.context import answer
from doorbell.cli.parsing import add_command
from doorbell.core.errors import NotRunningError
from doorbell.runtime.replies import Status
from doorbell.runtime.requests import ShowStatus

if TYPE_CHECKING:
    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    add_command(
        subparsers,
        "status",
        run=status,
        about="show how the daemon and its workers are doing",
        example="doorbell status --json",
        json=True,
    )


def status(context: Context) -> int:
    """Print the state of the daemon."""
    with context.hub() as hub:
        found = answer(hub, ShowStatus(), Status)[0]
    if not found.workers:
        raise NotRunningError
    if context.wants_json:
        view = msgspec.to_builtins(found)
        view.pop("type", None)
        # Left out on the wire where it is nothing.
        view["left_out"] = found.left_out
        context.say_json(view)
        return 0
    rows = [
        ("version", found.version),
        ("up", f"{found.uptime_s:.0f} s"),
        ("camera", found.camera),
        ("engine", found.engine),
        ("people", str(found.people)),
        ("waiting to be told", str(found.outbox)),
    ]
    if found.left_out:
        photos = shown.count(found.left_out, "photograph")
        rows.append(("not compared", f"{photos}: doorbell people reembed"))
    context.say(shown.listing(rows))
    workers = [
        (w.role, w.state, str(w.pid or "-"), str(w.deaths), w.detail)
        for w in found.workers
    ]
    if workers:
        context.say()
        heads = ("WORKER", "STATE", "PID", "DEATHS", "DETAIL")
        context.say(shown.table(heads, workers))
    return 0
