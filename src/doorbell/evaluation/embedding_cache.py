"""What an engine read in a picture, kept on disk, so that no picture is read twice.

The vectors of a folder of photographs lie there unencrypted, readable by their owner
only: it is meant for published data. Nobody enrolled at the door comes into it.
"""

from __future__ import annotations

import sqlite3
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from doorbell.core.decision import Box
from doorbell.core.errors import StorageError
from doorbell.core.quality import FaceMeasures
from doorbell.stages.face_reader import ReadFace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

# Raised whenever reading a picture gives other numbers than before.
READER_VERSION = 3
# Pictures that a killed run has to read again, at most.
PENDING = 25
# `width_px` is null where no face was found, `embedding` where it could not be read.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS faces (
  key TEXT PRIMARY KEY, x INTEGER, y INTEGER, w INTEGER, h INTEGER, score REAL,
  width_px REAL, sharpness REAL, brightness REAL, yaw REAL, note TEXT, embedding BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chips (
  key TEXT PRIMARY KEY, side INTEGER NOT NULL, pixels BLOB NOT NULL
);
"""
_NO_FACE = (None,) * 11


@dataclass(frozen=True, slots=True)
class Kept:
    """That a picture was read, and the face it is about; None if it has none."""

    face: ReadFace | None


class CacheError(StorageError):
    """The cache cannot be used."""

    hint = "Remove it, it only saves time; or set DOORBELL_CACHE to another folder."


def cache_folder(environ: Mapping[str, str], here: Path) -> Path:
    """Return where the cache is: `$DOORBELL_CACHE`, else `.cache` of this folder."""
    chosen = environ.get("DOORBELL_CACHE")
    return (here / chosen if chosen else here / ".cache") / "evaluation"


class EmbeddingCache:
    """Faces by picture and reader."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._pending = 0

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open or make the cache in a folder.

        Raises:
            CacheError: it cannot be opened.
        """
        path = folder / "faces.db"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            database = sqlite3.connect(path, timeout=30.0)
            database.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            msg = f"the cache {path} cannot be opened: {error}"
            raise CacheError(msg) from error
        return cls(database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Also after Ctrl-C: what was read stays read.
        self._database.commit()
        self._database.close()

    def get(self, key: str) -> Kept | None:
        """Return what was read in a picture; None if it was never read."""
        query = "SELECT * FROM faces WHERE key = ?"
        row = self._database.execute(query, (key,)).fetchone()
        if row is None:
            return None
        face = _face(row[1:])
        return Kept(None if face is None else replace(face, chip=self._chip(key)))

    def _chip(self, key: str) -> NDArray[np.uint8] | None:
        query = "SELECT side, pixels FROM chips WHERE key = ?"
        row = self._database.execute(query, (key,)).fetchone()
        if row is None:
            return None
        pixels = np.frombuffer(zlib.decompress(row[1]), np.uint8)
        return pixels.reshape(row[0], row[0], 3)

    def put(self, key: str, face: ReadFace | None) -> None:
        """Keep the face of a picture, with its chip if it has one, or that it has none.

        Raises:
            CacheError: it cannot be written.
        """
        columns = _NO_FACE if face is None else _row(face)
        try:
            self._database.execute(
                "INSERT OR REPLACE INTO faces "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (key, *columns),
            )
            if face is not None and face.chip is not None:
                self._database.execute(
                    "INSERT OR REPLACE INTO chips VALUES (?, ?, ?)",
                    (key, len(face.chip), zlib.compress(face.chip.tobytes(), 1)),
                )
            self._pending += 1
            if self._pending >= PENDING:
                self._database.commit()
                self._pending = 0
        except sqlite3.Error as error:
            msg = f"the cache cannot be written: {error}"
            raise CacheError(msg) from error


def _row(face: ReadFace) -> tuple[object, ...]:
    box, measures = face.box, face.measures
    vector = None if face.embedding is None else face.embedding.astype("<f4").tobytes()
    return (
        *(box.x, box.y, box.w, box.h, face.score),
        *(measures.width_px, measures.sharpness, measures.brightness, measures.yaw),
        *(face.note, vector),
    )


def _face(row: tuple[Any, ...]) -> ReadFace | None:
    x, y, w, h, score, width_px, sharpness, brightness, yaw, note, vector = row
    if width_px is None:
        return None
    return ReadFace(
        box=Box(x, y, w, h),
        score=score,
        measures=FaceMeasures(width_px, sharpness, brightness, yaw),
        embedding=None if vector is None else np.frombuffer(vector, "<f4"),
        note=note,
    )
