"""The model files of this machine, for the commands about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.adapters.model_catalogue import DLIB_RESNET, FETCHED, Model
from doorbell.adapters.model_folder import ModelFolder
from doorbell.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.production.production_settings import ProductionSettings

BUILT = "dlib-resnet"


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model and how it stands here.

    Attributes:
        condition: `installed`, `absent` or `damaged`.
        mend: the command that installs it.
    """

    model: Model
    condition: str
    mend: str


def models_folder(settings: ProductionSettings) -> ModelFolder:
    """Where models lie: `[vision] models_dir`, or `models` below `[storage] dir`."""
    chosen = settings.vision.models_dir
    return ModelFolder(Path(chosen or Path(settings.storage.dir) / "models"))


def states(folder: ModelFolder) -> list[ModelState]:
    """Say of every model of the catalogue whether it can be used."""
    found = [
        ModelState(
            model, folder.condition(model), f"doorbell models fetch {model.name}"
        )
        for model in FETCHED
    ]
    # The folder holds its fast form; dlib's own file comes with a package.
    condition = "installed" if _is_built(folder) else "absent"
    return [*found, ModelState(DLIB_RESNET, condition, "doorbell models build")]


def _is_built(folder: ModelFolder) -> bool:
    from doorbell.adapters.model_build import find_built  # noqa: PLC0415 - loads numpy

    return find_built(folder) is not None


def fetchable(name: str) -> Model:
    """Find a model of the catalogue by its name.

    Raises:
        UsageError: there is none that can be fetched.
    """
    for model in FETCHED:
        if model.name == name:
            return model
    if name == BUILT:
        msg = f"{name} comes with dlib's models and is built here"
        raise UsageError(msg, hint="Run `doorbell models build`.")
    msg = f"there is no model {name!r}"
    raise UsageError(msg, hint=f"There are {', '.join(m.name for m in FETCHED)}.")


def fetch(
    model: Model, folder: ModelFolder, mirror: str, arrived: Callable[[int], None]
) -> Path:
    """Download a model; with `mirror`, from there instead of where it is published.

    Raises:
        DoorbellError: it did not arrive, or is another file; nothing was changed.
    """
    # HTTP is 3 MB that vision, which looks up its folder here, has no use for.
    from doorbell.adapters import model_fetch  # noqa: PLC0415 - see above

    url = model_fetch.mirrored(model, mirror) if mirror else model.url
    return model_fetch.fetch(model, folder, url, arrived)


def take_file(
    model: Model, folder: ModelFolder, path: Path, arrived: Callable[[int], None]
) -> Path:
    """Install a model from a file that was fetched elsewhere.

    Raises:
        DoorbellError: it cannot be read, or is another file; nothing was changed.
    """
    from doorbell.adapters import model_fetch  # noqa: PLC0415 - as in `fetch`

    return model_fetch.take_file(model, folder, path, arrived)


def build(folder: ModelFolder) -> tuple[Path, float]:
    """Make the fast form of dlib's network, unless that is done.

    Returns:
        Its path, and how far its embeddings are from dlib's at most.

    Raises:
        DoorbellError: something is not installed, or the result cannot be trusted.
    """
    from doorbell.adapters import faces_dlib, model_build  # noqa: PLC0415 - loads dlib

    built = model_build.build(folder, faces_dlib.load_dlib())
    return built.model, built.record.difference
