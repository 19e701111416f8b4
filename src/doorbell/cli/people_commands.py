"""`doorbell people list|show|rename|erase|export|reembed|import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli import gallery_commands, pictures, shown
from doorbell.cli.context import answer, carry_out, close_all
from doorbell.cli.parsing import add_command, add_group
from doorbell.cli.views import person_view
from doorbell.core.errors import BadInputError, StorageError, UsageError
from doorbell.runtime.replies import Erased, Exported, People, Person
from doorbell.runtime.requests import (
    ErasePerson,
    ExportPerson,
    ListPeople,
    RenamePerson,
    ShowPerson,
)
from doorbell.runtime.shapes import iso

if TYPE_CHECKING:
    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from doorbell.runtime.replies import PersonView

# Whoever changes their mind has interrupted the command; it is no bug.
NOT_MEANT = 130


def add_parser(subparsers: Subparsers) -> None:
    """Declare the commands."""
    group = add_group(
        subparsers,
        "people",
        run=list_people,
        about="list, show, rename, erase, export or compute anew who is enrolled",
        example="doorbell people",
        json=True,
    )
    add_command(
        group,
        "list",
        run=list_people,
        about="list everybody enrolled",
        example="doorbell people list --json",
        json=True,
    )
    one = add_command(
        group,
        "show",
        run=show,
        about="show one person",
        example="doorbell people show Ada",
        json=True,
    )
    one.add_argument("who", metavar="WHO", help="name or id")
    rename_ = add_command(
        group,
        "rename",
        run=rename,
        about="give a person another name",
        example='doorbell people rename Ada "Ada L."',
    )
    rename_.add_argument("who", metavar="WHO", help="name or id")
    rename_.add_argument("name", metavar="NAME", help="the new name")
    _add_erase_and_export(group)
    gallery_commands.add_parsers(group)


def _add_erase_and_export(group: Subparsers) -> None:
    erase_ = add_command(
        group,
        "erase",
        run=erase,
        about="erase a person for good: keys, photographs, visit pictures",
        example="doorbell people erase Ada --yes",
        json=True,
    )
    erase_.add_argument("who", metavar="WHO", help="name or id")
    erase_.add_argument("--yes", action="store_true", help="do not ask")
    export_ = add_command(
        group,
        "export",
        run=export,
        about="write all that is stored about a person into a folder",
        example="doorbell people export Ada -o ada",
        json=True,
    )
    export_.add_argument("who", metavar="WHO", help="name or id")
    export_.add_argument(
        "-o", "--output", metavar="DIR", required=True, help="made if it is not there"
    )


def list_people(context: Context) -> int:
    """Print a table of people."""
    with context.hub() as hub:
        people = answer(hub, ListPeople(), People)[0].people
    if context.wants_json:
        context.say_json({"people": [person_view(one) for one in people]})
        return 0
    if not people:
        context.say("nobody is enrolled; `doorbell enrol NAME PHOTO…` does that")
        return 0
    zone = shown.zone(context.settings.notify.timezone)
    rows = [
        (one.name, str(one.photos), shown.when(one.enrolled_s, zone), one.consent)
        for one in people
    ]
    context.say(shown.table(("NAME", "PHOTOS", "ENROLLED", "CONSENT BY"), rows))
    for one in people:
        if one.outgrown:
            context.say(shown.plain(_outgrown(one)))
    left_out = sum(one.left_out for one in people)
    if left_out:
        photos = shown.count(left_out, "photograph")
        context.say(
            f"{photos} of another engine are not compared: `doorbell people reembed`"
        )
    return 0


def show(context: Context) -> int:
    """Print one person."""
    with context.hub() as hub:
        found = answer(hub, ShowPerson(who=context.args.who), Person)[0]
    person = found.person
    if context.wants_json:
        last = iso(found.last_visit_s)
        view = person_view(person)
        context.say_json({**view, "visits": found.visits, "last_visit": last})
        return 0
    zone = shown.zone(context.settings.notify.timezone)
    rows = [
        ("name", person.name),
        ("id", person.id),
        ("photographs", str(person.photos)),
        ("enrolled", shown.when(person.enrolled_s, zone)),
        ("consent by", person.consent),
        ("visits", str(found.visits)),
    ]
    if found.visits:
        rows.append(("last visit", shown.when(found.last_visit_s, zone)))
    context.say(shown.listing(rows))
    if person.outgrown:
        context.say(shown.plain(_outgrown(person)))
    return 0


def _outgrown(person: PersonView) -> str:
    return (
        f"{person.name}: the photographs are more than a year old, and "
        f"{person.consent} agreed to them, as for a child. Faces of children change: "
        "add new ones with `doorbell enrol --add`"
    )


def rename(context: Context) -> int:
    """Give a person another name."""
    name = context.args.name.strip()
    if not name:
        msg = "the new name is empty"
        raise UsageError(msg)
    with context.hub() as hub:
        note = carry_out(hub, RenamePerson(who=context.args.who, name=name))
    context.say(shown.plain(note or f"renamed to {name}"))
    return 0


def erase(context: Context) -> int:
    """Erase a person, after a question if somebody is there to answer it."""
    with context.hub() as hub:
        found = answer(hub, ShowPerson(who=context.args.who), Person)[0]
        if not context.args.yes and not _is_meant(context, found):
            context.warn("nothing was erased")
            return NOT_MEANT
        # By id: the name could mean somebody else by now.
        gone = answer(hub, ErasePerson(who=found.person.id), Erased)[0]
    if context.wants_json:
        facts = {"photos": gone.photos, "pictures": gone.pictures}
        context.say_json({"erased": gone.name, **facts})
        return 0
    photos = shown.count(gone.photos, "photograph")
    visits = shown.count(gone.pictures, "visit picture")
    context.say(shown.plain(f"erased {gone.name}: {photos}, {visits}"))
    return 0


def _is_meant(context: Context, found: Person) -> bool:
    if not context.stdin.isatty():
        msg = "erasing asks for a yes, and there is no terminal to ask"
        raise UsageError(msg, hint="Say --yes if it is meant.")
    photos = shown.count(found.person.photos, "photograph")
    visits = shown.count(found.visits, "visit")
    question = f"Erase {found.person.name} for good ({photos}, {visits})? [y/N]"
    context.warn(question)
    return context.stdin.readline().strip().lower() in {"y", "yes"}


def export(context: Context) -> int:
    """Write a person's files into a folder."""
    folder = Path(context.args.output)
    written: list[str] = []
    with context.hub() as hub:
        for reply, fds in hub.ask(ExportPerson(who=context.args.who)):
            if isinstance(reply, Exported) and fds:
                close_all(fds[1:])
                written.append(_write(fds[0], folder, reply.filename))
            else:
                close_all(fds)
    if context.wants_json:
        context.say_json({"folder": str(folder), "files": written})
    else:
        context.say(f"{shown.count(len(written), 'file')} in {folder}")
    return 0


def _write(fd: int, folder: Path, filename: str) -> str:
    # The name comes over a socket: it must not lead out of the folder.
    if not filename or Path(filename).name != filename or filename.startswith("."):
        close_all([fd])
        msg = f"the daemon sent a file with the name {shown.plain(filename)!r}"
        raise BadInputError(msg)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        close_all([fd])
        msg = f"{folder} cannot be made: {error.strerror}"
        raise StorageError(msg, hint="Name another folder with -o.") from error
    pictures.save(fd, folder / filename, fresh=True)
    return filename
