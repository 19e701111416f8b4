"""`doorbell visits list|show|label`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli import pictures, shown
from doorbell.cli.context import answer, carry_out, close_all
from doorbell.cli.parsing import add_command, add_group
from doorbell.cli.views import undurable_view, visit_view
from doorbell.core.errors import BadInputError, UsageError
from doorbell.runtime.replies import Visit, Visits
from doorbell.runtime.requests import LabelVisit, ListVisits, ShowVisit

if TYPE_CHECKING:
    from datetime import tzinfo

    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from doorbell.runtime.replies import VisitFace, VisitView

LIMIT = 20
MAX_LIMIT = 1000


def add_parser(subparsers: Subparsers) -> None:
    """Declare the commands."""
    group = add_group(
        subparsers,
        "visits",
        run=list_visits,
        about="list, show or label who came",
        example="doorbell visits",
        json=True,
    )
    listing = add_command(
        group,
        "list",
        run=list_visits,
        about="list visits, newest first",
        example="doorbell visits list --limit 5",
        json=True,
    )
    listing.add_argument(
        "--limit", metavar="N", type=int, default=LIMIT, help=f"at most, {LIMIT}"
    )
    listing.add_argument("--before", metavar="ID", help="go on from this visit")
    one = add_command(
        group,
        "show",
        run=show,
        about="show one visit, and save its picture",
        example="doorbell visits show 3f2a -o visit.jpg",
        json=True,
    )
    one.add_argument("visit", metavar="ID", help="as `visits list` prints it")
    one.add_argument("-o", "--output", metavar="FILE", help="save the picture")
    _add_label(group)


def _add_label(group: Subparsers) -> None:
    parser = add_command(
        group,
        "label",
        run=label,
        about="say who a face of a visit really was",
        example="doorbell visits label 3f2a Ada\n"
        "doorbell visits label 3f2a --stranger --face 2",
    )
    parser.add_argument("visit", metavar="ID", help="as `visits list` prints it")
    parser.add_argument("who", metavar="WHO", nargs="?", help="name or id of a person")
    parser.add_argument(
        "--stranger", action="store_true", help="nobody enrolled, not who was named"
    )
    parser.add_argument(
        "--face", metavar="N", type=int, default=1, help="which face, from 1"
    )


def list_visits(context: Context) -> int:
    """Print a table of visits."""
    limit = getattr(context.args, "limit", LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        msg = f"--limit is from 1 to {MAX_LIMIT}"
        raise UsageError(msg)
    request = ListVisits(limit=limit, before=getattr(context.args, "before", None))
    with context.hub() as hub:
        found = answer(hub, request, Visits)[0]
    if context.wants_json:
        context.say_json(
            {
                "visits": [visit_view(view) for view in found.views],
                "undurable": [undurable_view(ring) for ring in found.undurable],
            }
        )
    else:
        _tell(context, found)
    return 0


def _tell(context: Context, found: Visits) -> None:
    zone = shown.zone(context.settings.notify.timezone)
    rows = [
        (v.id, shown.when(v.at_s, zone), str(v.rings), v.state, who(v))
        for v in found.views
    ]
    heads = ("VISIT", "TIME", "RINGS", "STATE", "WHO")
    context.say(shown.table(heads, rows) if rows else "no visits")
    if found.undurable:
        context.say("\nnot on the card when they rang, for it was in trouble:")
    for ring in found.undurable:
        context.say(f"{ring.id}  {shown.when(ring.at_s, zone)}  {ring.source}")


def who(view: VisitView) -> str:
    """Say in a few words who came, the stranger first."""
    if view.faces:
        faces = sorted(view.faces, key=lambda face: face.name is not None)
        return ", ".join(_named(face) for face in faces)
    return "nobody to be seen" if view.decision == "nobody" else view.reason or "-"


def _named(face: VisitFace) -> str:
    named = shown.visitor(face.verdict, face.name)
    if face.label is None:
        return named
    return f"{named} (really {shown.plain(face.label) or 'nobody enrolled'})"


def show(context: Context) -> int:
    """Print one visit and save its picture."""
    output = context.args.output
    with context.hub() as hub:
        found, fds = answer(hub, ShowVisit(visit=context.args.visit), Visit)
    if output and not fds:
        msg = "this visit has no picture"
        raise BadInputError(msg)
    close_all(fds[1:] if output else fds)
    if output:
        pictures.save(fds[0], Path(output))
    # The picture itself may be what standard output is for.
    if output == "-":
        return 0
    if context.wants_json:
        told = {"told": found.view.told, "saved": output}
        context.say_json({**visit_view(found.view), **told})
    else:
        zone = shown.zone(context.settings.notify.timezone)
        context.say(shown.listing(_details(found.view, zone)))
    return 0


def _details(view: VisitView, zone: tzinfo | None) -> list[tuple[str, str]]:
    rows = [
        ("visit", view.id),
        ("time", shown.when(view.at_s, zone)),
        ("rings", f"{view.rings}, first by {view.ring.source}"),
        ("state", view.state),
        ("decision", view.decision or "none"),
    ]
    rows += [("reason", view.reason)] if view.reason else []
    for number, face in enumerate(view.faces, 1):
        rows.append((f"face {number}", f"{_named(face)}{_likeness(face)}"))
    rows += [
        (f"after {took:.0f} ms", step)
        for step, took in sorted(view.timings_ms.items(), key=lambda item: item[1])
    ]
    rows += [(f"told {target}", state) for target, state in sorted(view.told.items())]
    rows.append(("picture", "yes, -o FILE saves it" if view.has_picture else "none"))
    return rows


def _likeness(face: VisitFace) -> str:
    verdict = face.verdict
    text = "" if verdict.likeness is None else f", likeness {verdict.likeness:.2f}"
    text += "" if verdict.margin is None else f", margin {verdict.margin:.2f}"
    return text + (f", {verdict.note}" if verdict.note else "")


def label(context: Context) -> int:
    """Keep the truth about one face."""
    args = context.args
    if bool(args.who) == args.stranger:
        msg = "say who it was, or --stranger"
        raise UsageError(msg)
    if args.face < 1:
        msg = "--face counts from 1"
        raise UsageError(msg)
    request = LabelVisit(visit=args.visit, face=args.face, who=args.who or "")
    with context.hub() as hub:
        note = carry_out(hub, request)
    context.say(shown.plain(note or f"kept: it was {args.who or 'nobody enrolled'}"))
    return 0
