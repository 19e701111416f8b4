"""Read the face that a photograph is about, as the vision worker would.

Detection, alignment, embedding and quality are those of `stages.face_reader`; only what
was read before is taken from the cache.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from doorbell.evaluation.embedding_cache import READER_VERSION
from doorbell.evaluation.photographs import DataSetError
from doorbell.stages.face_reader import FaceReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from doorbell.evaluation.embedding_cache import EmbeddingCache
    from doorbell.ports.clock import Clock
    from doorbell.ports.faces import Engine
    from doorbell.stages.face_reader import ReadFace

    Made = Callable[[NDArray[np.uint8]], list[NDArray[np.uint8]]]


class PictureReader:
    """An engine with a memory.

    Attributes:
        engine: that reads.
        min_width_px: narrower faces are not seen.
        asked: pictures asked for, and `read`: those of them that were not in the cache.
    """

    def __init__(
        self, engine: Engine, cache: EmbeddingCache, clock: Clock, min_width_px: int
    ) -> None:
        self.engine = engine
        self.min_width_px = min_width_px
        self.asked = self.read = 0
        self._cache = cache
        self._fused: dict[str, NDArray[np.float32] | None] = {}
        # Nobody waits for this process's beats.
        self._reader = FaceReader(engine, lambda _within_s: None, clock)
        detector = type(engine.detector)
        self._reader_key = (
            f"{engine.name}:{engine.embedder.space}:{detector.__qualname__}"
            f":{min_width_px}:{READER_VERSION}"
        )

    def embed(self, chip: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Read one chip; None when the network gives no numbers."""
        key = hashlib.sha256(chip.tobytes()).hexdigest()
        if key not in self._fused:
            self._fused[key] = self._reader.embed_one(chip)
        return self._fused[key]

    def face(self, path: Path) -> ReadFace | None:
        """Return the face in the middle of a photograph; None if none was found.

        Raises:
            DataSetError: it is no picture.
        """
        return self.faces(path, "as it is", lambda rgb: [rgb])[0]

    def faces(
        self, path: Path, made: str, make: Made, count: int = 1
    ) -> list[ReadFace | None]:
        """Return the middle face of each picture made of a photograph.

        Args:
            path: the photograph.
            made: name and version of what `make` does: part of the cache's key.
            make: gives `count` pictures, the same ones each time.
            count: of pictures.

        Raises:
            DataSetError: it is no picture.
        """
        data = _bytes(path)
        self.asked += count
        digest = hashlib.sha256(data).hexdigest()
        keys = [
            f"{digest}:{made}:{number}:{self._reader_key}" for number in range(count)
        ]
        kept = [self._cache.get(key) for key in keys]
        if None in kept:
            return self._read_all(keys, make(_pixels(data, path)))
        return [one.face for one in kept if one is not None]

    def _read_all(
        self, keys: list[str], pictures: list[NDArray[np.uint8]]
    ) -> list[ReadFace | None]:
        found = []
        for key, picture in zip(keys, pictures, strict=True):
            self.read += 1
            faces = self._reader.read(picture, self.min_width_px).faces
            face = middle_face(faces, picture.shape[1], picture.shape[0])
            if face is not None and len(pictures) == 1:
                # Only frames of one visit are ever fused; chips take room.
                face = replace(face, chip=None)
            self._cache.put(key, face)
            found.append(face)
        return found


def middle_face(faces: Sequence[ReadFace], width: int, height: int) -> ReadFace | None:
    """Return the face whose centre is nearest to that of the picture."""
    return min(
        faces,
        key=lambda face: (
            abs(face.box.x + face.box.w / 2 - width / 2)
            + abs(face.box.y + face.box.h / 2 - height / 2)
        ),
        default=None,
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise DataSetError(msg) from error


def _pixels(data: bytes, path: Path) -> NDArray[np.uint8]:
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        msg = f"{path} is no picture"
        raise DataSetError(msg, hint="Remove it, or make it a JPEG or a PNG.")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
