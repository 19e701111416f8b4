"""What every measurement of recognition needs: engine, cache, photographs, progress."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from doorbell.evaluation.conditions import CONDITIONS
from doorbell.evaluation.conditions import VERSION as CONDITIONS_VERSION
from doorbell.evaluation.degraded import VERSION as BURST_VERSION
from doorbell.evaluation.degraded import burst, frame_count, seeded
from doorbell.evaluation.embedding_cache import EmbeddingCache, cache_folder
from doorbell.evaluation.picture_reader import PictureReader
from doorbell.runtime import stage_wiring, wiring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from config.production.production_settings import ProductionSettings
    from config.vision import Vision
    from doorbell.ports.faces import Engine
    from doorbell.stages.face_reader import ReadFace

    Row = NDArray[np.float32]
    Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Laboratory:
    """An engine, and what it read before.

    Attributes:
        vision: the settings that the daemon would run with.
        progress: is told what is going on, and how far it is.
    """

    engine: Engine
    vision: Vision
    reader: PictureReader
    progress: Progress

    def rows(self, paths: Iterable[Path]) -> dict[Path, Row | None]:
        """Return what was read in each photograph; None where nothing was."""
        todo = sorted(set(paths))
        found = {}
        for number, path in enumerate(todo, 1):
            found[path] = _row(self.reader.face(path))
            self.progress("reading photographs", number, len(todo))
        return found

    def people(
        self, photos: Mapping[str, Sequence[Path]]
    ) -> dict[str, list[Row | None]]:
        """Return what was read of everybody."""
        rows = self.rows(path for paths in photos.values() for path in paths)
        return {name: [rows[path] for path in paths] for name, paths in photos.items()}

    def condition(self, name: str, path: Path) -> Row | None:
        """Return what was read in a photograph made worse."""
        change, label = CONDITIONS[name], f"{name} v{CONDITIONS_VERSION}"
        generator = seeded(0, f"{name}:{path.name}")
        (face,) = self.reader.faces(path, label, lambda rgb: [change(rgb, generator)])
        return _row(face)

    def burst(self, path: Path, seed: int) -> list[ReadFace | None]:
        """Return what was read in the frames of a visit made of a photograph."""
        generator = seeded(seed, path.name)
        frames = frame_count(generator)
        label = f"burst v{BURST_VERSION} seed {seed}"
        return self.reader.faces(
            path, label, lambda rgb: burst(rgb, frames, generator), frames
        )


def _row(face: ReadFace | None) -> Row | None:
    return None if face is None else face.embedding


@contextmanager
def open_laboratory(
    settings: ProductionSettings,
    engine: str | None,
    environ: Mapping[str, str],
    progress: Progress,
) -> Iterator[Laboratory]:
    """Open an engine and the cache.

    Args:
        settings: of this machine.
        engine: its name; None for that of the settings.
        environ: may name another folder for the cache.
        progress: is told how far it is.

    Raises:
        DoorbellError: the engine or the cache cannot be used.
    """
    vision = settings.vision
    if engine is not None:
        vision = msgspec.structs.replace(vision, engine=engine)
        settings = msgspec.structs.replace(settings, vision=vision)
    opened = stage_wiring.open_engine(settings)
    with EmbeddingCache.open(cache_folder(environ, Path.cwd())) as cache:
        clock = wiring.system_clock()
        reader = PictureReader(opened, cache, clock, vision.min_face_px)
        yield Laboratory(opened, vision, reader, progress)
