"""How far a long command is, for a person who waits."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TextIO

from doorbell.cli.shown import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


BAR_CELLS = 30


def tracked(photos: list[Path], stream: TextIO) -> Iterator[Path]:
    """Yield the photographs, showing on `stream` how far we are.

    A bar where somebody looks and tqdm is installed, else a line each.
    """
    if stream.isatty():
        try:
            # Only in the extra that brings the engine.
            from tqdm import tqdm  # noqa: PLC0415 - see above
        except ImportError:
            pass
        else:
            yield from tqdm(photos, file=stream, unit="photo", leave=False)
            return
    for number, photo in enumerate(photos, 1):
        stream.write(f"{number}/{len(photos)} {plain(str(photo))}\n")
        yield photo


@contextlib.contextmanager
def byte_bar(total: int, stream: TextIO) -> Iterator[Callable[[int], None]]:
    """Give a function that is told how many bytes there are, and shows it.

    A bar where somebody looks and tqdm is installed, else nothing.
    """
    try:
        # Only in the extra that brings the engine.
        from tqdm import tqdm  # noqa: PLC0415 - see above
    except ImportError:
        yield lambda _: None
        return
    with tqdm(
        total=total,
        file=stream,
        unit="B",
        unit_scale=True,
        leave=False,
        disable=not stream.isatty(),
    ) as bar:
        yield lambda have: bar.update(have - bar.n) and None


@contextlib.contextmanager
def photo_bar(stream: TextIO) -> Iterator[Callable[[int, int], None]]:
    """Give a function that is told how many photographs of how many are done."""
    with status_line(stream) as show:
        yield lambda done, total: show(_drawn(done, total))


def _drawn(done: int, total: int) -> str:
    filled = BAR_CELLS * done // max(total, 1)
    return f"[{'#' * filled:<{BAR_CELLS}}] {done}/{total} photographs"


@contextlib.contextmanager
def status_line(stream: TextIO) -> Iterator[Callable[[str], None]]:
    """Give a function that shows one line where somebody looks, wiped at the end."""

    def show(text: str) -> None:
        if stream.isatty():
            stream.write(f"\r\x1b[K{plain(text)}")
            stream.flush()

    try:
        yield show
    finally:
        show("")
