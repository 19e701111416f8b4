"""`doorbell people reembed|import`: embeddings computed anew, or brought along."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli import shown
from doorbell.cli.context import answer, replies
from doorbell.cli.parsing import add_command
from doorbell.cli.progress import photo_bar
from doorbell.cli.views import person_view
from doorbell.core import encodings
from doorbell.core.errors import BadInputError
from doorbell.runtime.replies import Imported, Reembedded, Reembedding
from doorbell.runtime.requests import ImportEncodings, ReembedPeople

if TYPE_CHECKING:
    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers

_NOTHING_DONE = 65


def add_parsers(group: Subparsers) -> None:
    """Declare the commands."""
    add_command(
        group,
        "reembed",
        run=reembed,
        about="compute everybody anew with the engine in use, from their photographs",
        example="doorbell people reembed",
        json=True,
    )
    import_ = add_command(
        group,
        "import",
        run=import_encodings,
        about="enrol a person from face_recognition's encodings, without photographs",
        example="doorbell people import ada.npy --name Ada --consent Ada",
        json=True,
    )
    import_.add_argument("file", metavar="FILE", help=".npy or JSON; no pickles")
    import_.add_argument("--name", metavar="NAME", required=True, help="of the person")
    import_.add_argument(
        "--consent", metavar="WHO", required=True, help="who agreed to it"
    )
    import_.add_argument(
        "--add", action="store_true", help="add to a person of that name"
    )


def reembed(context: Context) -> int:
    """Compute all embeddings anew; nothing is changed before the last one."""
    found: Reembedded | None = None
    with context.hub("vision") as hub, photo_bar(context.err) as show:
        for reply in replies(hub, ReembedPeople()):
            if isinstance(reply, Reembedding):
                show(reply.done, reply.total)
            elif isinstance(reply, Reembedded):
                found = reply
    if found is None:
        msg = "the daemon did not say what became of it"
        raise BadInputError(msg)
    _report(context, found)
    is_in_vain = found.left and not found.replaced and not found.current
    return _NOTHING_DONE if is_in_vain else 0


def _report(context: Context, found: Reembedded) -> None:
    if context.wants_json:
        left = [
            {"name": name, "photo": number, "reason": why}
            for name, number, why in found.left
        ]
        counts = {"replaced": found.replaced, "current": found.current, "left": left}
        context.say_json({"engine": found.engine, **counts})
        return
    photos = shown.count(found.replaced, "photograph")
    context.say(f"{photos} computed anew by {found.engine}")
    if found.current:
        context.say(f"{shown.count(found.current, 'photograph')} had been before")
    for name, number, why in found.left:
        context.say(shown.plain(f"left as it was: {name}, photograph {number}: {why}"))


def import_encodings(context: Context) -> int:
    """Enrol a person from a file of encodings."""
    args = context.args
    rows = encodings.read_encodings(_content(Path(args.file)))
    request = ImportEncodings(
        name=args.name.strip(), consent=args.consent.strip(), more=args.add
    )
    fd = os.memfd_create("encodings", os.MFD_CLOEXEC)
    try:
        os.write(fd, encodings.packed(rows))
        os.lseek(fd, 0, os.SEEK_SET)
        with context.hub() as hub:
            done = answer(hub, request, Imported, [fd])[0]
    finally:
        os.close(fd)
    if context.wants_json:
        facts = {"encodings": done.encodings, "usable": done.usable}
        context.say_json({"person": person_view(done.person), **facts})
        return 0
    count = shown.count(done.encodings, "encoding")
    context.say(shown.plain(f"{done.person.name} is enrolled with {count}"))
    if done.usable is False:
        context.say("the engine in use compares faces otherwise and cannot use them")
    else:
        context.say("without photographs another engine could not use them: enrol some")
    return 0


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(encodings.MAX_BYTES + 1)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise BadInputError(msg) from error
