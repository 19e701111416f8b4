"""`doorbell enrol`: photographs become a person."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from doorbell.cli import pictures, shown
from doorbell.cli.context import answer, carry_out
from doorbell.cli.parsing import add_command
from doorbell.cli.progress import tracked
from doorbell.cli.views import person_view, separation_view
from doorbell.core.errors import BadInputError, UsageError
from doorbell.runtime.replies import Enrolled, PhotoJudged
from doorbell.runtime.requests import (
    EnrolBegin,
    EnrolCamera,
    EnrolCommit,
    EnrolPhoto,
    EnrolVisit,
)

if TYPE_CHECKING:
    from pathlib import Path

    from doorbell.cli.context import Context, Hub
    from doorbell.cli.parsing import Subparsers
    from doorbell.runtime.replies import Separation

_EXAMPLE = """\
doorbell enrol Ada ada1.jpg ada2.jpg --consent Ada
doorbell enrol Ada photos/ada --consent Ada
doorbell enrol Ada --from-visit 3f2a --face 2 --consent Ada --add"""


@dataclass
class _Judged:
    """What became of each photograph."""

    accepted: list[PhotoJudged] = field(default_factory=list)
    refused: list[PhotoJudged] = field(default_factory=list)

    def note(self, reply: PhotoJudged) -> None:
        (self.accepted if reply.accepted else self.refused).append(reply)


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        subparsers,
        "enrol",
        run=enrol,
        about="teach the doorbell a face, from photographs, a visit or the camera",
        example=_EXAMPLE,
        json=True,
    )
    parser.add_argument("name", metavar="NAME", help="as it is to be told")
    parser.add_argument(
        "photos", metavar="PHOTO", nargs="*", help="pictures, or folders of them"
    )
    parser.add_argument(
        "--consent", metavar="WHO", required=True, help="who agreed to it"
    )
    parser.add_argument("--from-visit", metavar="ID", help="use a visit's picture")
    parser.add_argument(
        "--face", metavar="N", type=int, help="which face of that visit, from 1"
    )
    parser.add_argument(
        "--camera", action="store_true", help="use what the camera sees now"
    )
    parser.add_argument(
        "--add", action="store_true", help="add to a person of that name"
    )


def enrol(context: Context) -> int:
    """Enrol one person; nothing is stored before the last step."""
    args = context.args
    _check(context)
    photos = pictures.expand(args.photos)
    judged = _Judged()
    roles = ("vision", "capture") if args.camera else ("vision",)
    with context.hub(*roles) as hub:
        begin = EnrolBegin(
            name=args.name.strip(), consent=args.consent.strip(), more=args.add
        )
        carry_out(hub, begin)
        _submit(context, hub, photos, judged)
        if not judged.accepted:
            raise BadInputError(_refusals("no photograph could be used", judged))
        done = answer(hub, EnrolCommit(), Enrolled)[0]
    _report(context, done, judged)
    return 0


def _check(context: Context) -> None:
    args = context.args
    if not args.name.strip() or not args.consent.strip():
        msg = "a name and who consented must not be empty"
        raise UsageError(msg)
    if not (args.photos or args.from_visit or args.camera):
        msg = "there is nothing to learn from"
        raise UsageError(msg, hint="Name photographs, --from-visit ID or --camera.")
    if args.face is not None and (not args.from_visit or args.face < 1):
        msg = "--face counts from 1 and needs --from-visit"
        raise UsageError(msg)


def _submit(context: Context, hub: Hub, photos: list[Path], judged: _Judged) -> None:
    args = context.args
    for photo in tracked(photos, context.err):
        _photo(hub, photo, judged)
    if args.from_visit:
        request = EnrolVisit(visit=args.from_visit, face=args.face)
        judged.note(answer(hub, request, PhotoJudged)[0])
    if args.camera:
        judged.note(answer(hub, EnrolCamera(), PhotoJudged)[0])


def _photo(hub: Hub, photo: Path, judged: _Judged) -> None:
    try:
        fd = pictures.open_picture(photo)
    except BadInputError as error:
        # One unreadable file of a folder is refused as a bad picture is.
        reason = str(error).removeprefix(f"{photo}: ")
        judged.note(PhotoJudged(label=str(photo), accepted=False, reason=reason))
        return
    try:
        request = EnrolPhoto(label=str(photo))
        judged.note(answer(hub, request, PhotoJudged, [fd])[0])
    finally:
        os.close(fd)


def _refusals(head: str, judged: _Judged) -> str:
    lines = [f"{one.label}: {one.reason}" for one in judged.refused]
    return "\n  ".join([head, *lines])


def _report(context: Context, done: Enrolled, judged: _Judged) -> None:
    if context.wants_json:
        context.say_json(
            {
                "person": person_view(done.person),
                "accepted": [_entry(one) for one in judged.accepted],
                "refused": [_entry(one) for one in judged.refused],
                "separation": separation_view(done.separation),
                "lacking": done.lacking,
            }
        )
        return
    for one in judged.refused:
        context.say(shown.plain(f"refused {one.label}: {one.reason}"))
    for one in judged.accepted:
        if one.reason:
            context.say(shown.plain(f"doubtful {one.label}: {one.reason}"))
    photos = shown.count(done.person.photos, "photograph")
    context.say(shown.plain(f"{done.person.name} is enrolled with {photos}"))
    if done.lacking:
        lacking = " and ".join(done.lacking)
        context.say(
            f"no photograph shows {lacking}: add one, and one with glasses or cap"
        )
    for line in _separation(done.separation):
        context.say(shown.plain(line))


def _entry(one: PhotoJudged) -> dict[str, str]:
    return {"photo": one.label, "reason": one.reason}


def _separation(separation: Separation) -> list[str]:
    if not separation.photos:
        return []
    right, tried = separation.right, shown.count(separation.photos, "photograph")
    lines = [f"tried each photograph against the others: {right} of {tried} right"]
    lines += [f"this one hurts: {photo}: {why}" for photo, why in separation.worst]
    lines += [
        f"look alike: {pair.name} and {pair.other} (likeness {pair.likeness:.2f})"
        for pair in separation.lookalikes
    ]
    return lines
