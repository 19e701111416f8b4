"""Which engine this machine runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from doorbell.adapters import faces_dlib, faces_onnx
from doorbell.adapters.model_catalogue import MOBILEFACENET
from doorbell.core.errors import DoorbellError, UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.vision import Vision
    from doorbell.adapters.model_folder import ModelFolder
    from doorbell.ports.faces import Engine

    Opener = Callable[[Vision, ModelFolder], Engine]

ADVICE = (
    f"`doorbell models fetch mobilefacenet` {MOBILEFACENET.use.partition(';')[0]}; "
    "`doorbell models list` says what it was trained on"
)


def open_engine(vision: Vision, folder: ModelFolder) -> Engine:
    """Load the engine of the settings; for `auto`, the best that is installed.

    Raises:
        DoorbellError: it cannot be used; for `auto`, none can.
    """
    if vision.engine == "auto":
        return _best(vision, folder)
    if vision.engine not in OPENERS:
        msg = f"there is no engine {vision.engine!r}"
        raise UsageError(msg)
    return OPENERS[vision.engine](vision, folder)


def _best(vision: Vision, folder: ModelFolder) -> Engine:
    """Try the engines, best first; one that is damaged must not silence the rest."""
    troubles: list[str] = []
    for name, opener in OPENERS.items():
        if name == "mobilefacenet" and not faces_onnx.models_present(folder):
            continue
        try:
            engine = opener(vision, folder)
        except DoorbellError as error:
            troubles.append(f"{name}: {error}. {error.hint}".strip())
            continue
        return replace(engine, note="; ".join([*troubles, *_advice(engine)]))
    msg = "no engine can be used: " + "; ".join(troubles)
    raise UnavailableError(msg, hint='`pip install "doorbell-edge[vision]"`')


def _advice(engine: Engine) -> list[str]:
    if engine.note:
        return [engine.note]
    return [ADVICE] if engine.name == "dlib-onnx" else []


def _open_dlib(vision: Vision, _folder: ModelFolder) -> Engine:
    return faces_dlib.open_engine(vision)


# Best first.
OPENERS: dict[str, Opener] = {
    "mobilefacenet": faces_onnx.open_mobilefacenet,
    "dlib-onnx": faces_onnx.open_dlib_onnx,
    "dlib": _open_dlib,
}
