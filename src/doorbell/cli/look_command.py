"""`doorbell look`: what the camera sees."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli import pictures, shown
from doorbell.cli.context import answer, close_all
from doorbell.cli.parsing import add_command
from doorbell.cli.views import face_view
from doorbell.core.errors import HardwareAbsentError
from doorbell.runtime.replies import Looked
from doorbell.runtime.requests import LookRequest

if TYPE_CHECKING:
    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        subparsers,
        "look",
        run=look,
        about="save what the camera sees, faces framed",
        example="doorbell look -o door.jpg",
        json=True,
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="JPEG; `-` is stdout"
    )


def look(context: Context) -> int:
    """Save one picture."""
    output = context.args.output
    with context.hub("capture", "vision") as hub:
        looked, fds = answer(hub, LookRequest(), Looked)
    if not fds:
        msg = f"the camera gave no picture: {looked.camera}"
        raise HardwareAbsentError(msg)
    close_all(fds[1:])
    pictures.save(fds[0], Path(output))
    if output == "-":
        return 0
    if context.wants_json:
        faces = [face_view(face) for face in looked.faces]
        view = {"saved": output, "camera": looked.camera, "faces": faces}
        context.say_json(view)
        return 0
    people = [shown.visitor(face.verdict, face.name) for face in looked.faces]
    context.say(f"{output}: {', '.join(people) or 'no face'}")
    return 0
