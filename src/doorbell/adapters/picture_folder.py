"""Sealed pictures as files: `pictures/YYYY-MM/<visit id>.enc`.

What is in them is none of this module's business: it gets and gives sealed bytes.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from doorbell.adapters.durable_file import (
    TEMPORARY,
    make_folder,
    sync_folder,
    told_as_storage_error,
    write_file,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from doorbell.core.stamp import Stamp

SUFFIX = ".enc"


def picture_path(visit_id: str, stamp: Stamp) -> str:
    """Return where a picture goes, relative to the folder."""
    wall_s = stamp.wall_s()
    # A month from a clock nobody set would be a lie in the path.
    month = (
        "undated"
        if wall_s is None
        else datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m")
    )
    return f"{month}/{visit_id}{SUFFIX}"


class PictureFolder:
    """The folder `pictures`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, path: str, sealed: bytes) -> None:
        """Store or replace one file, durably."""
        file = self._folder / path
        make_folder(self._folder)
        make_folder(file.parent)
        write_file(file, sealed)

    def read(self, path: str) -> bytes | None:
        """Return one file; None if it is not there."""
        with told_as_storage_error(str(self._folder / path)):
            try:
                return (self._folder / path).read_bytes()
            except FileNotFoundError:
                return None

    def has(self, path: str) -> bool:
        """Whether the file is there."""
        return (self._folder / path).is_file()

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files; what cannot be removed now is, at the next sweep.

        Their keys are gone already, so nothing readable is left behind.
        """
        touched: set[Path] = set()
        for path in paths:
            file = self._folder / path
            with suppress(OSError):
                file.unlink()
                touched.add(file.parent)
        for folder in touched:
            with suppress(OSError):
                sync_folder(folder)
            with suppress(OSError):
                folder.rmdir()

    def sweep(self, wanted: Collection[str]) -> None:
        """Remove what a crash left: files without a row, and half-written ones."""
        self.remove([path for path in self._found() if path not in wanted])

    def _found(self) -> Iterator[str]:
        for pattern in (f"*/*{SUFFIX}", f"*/*{SUFFIX}{TEMPORARY}"):
            for file in self._folder.glob(pattern):
                yield str(file.relative_to(self._folder))
