"""Drawings of an evaluation: the trade-off of errors, and where likenesses lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doorbell.core.errors import StorageError, UnavailableError
from doorbell.evaluation.metrics import error_curve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

INK, OTHER = "#1f5f8b", "#c0532b"
GREY = "#666666"
BINS = 80
LEAST_PERCENT, MOST_PERCENT = 0.1, 60.0
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


@dataclass(frozen=True, slots=True)
class Series:
    """One curve and its two heaps of likenesses.

    Attributes:
        genuine: likenesses that should be matched; -inf where no face was read.
        impostor: that should not.
    """

    label: str
    genuine: NDArray[np.float64]
    impostor: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Words:
    """What the drawing says.

    Attributes:
        genuine, impostor: what is drawn in the histogram.
        false, missed: the two errors.
        lines: likeness and label of each line drawn.
    """

    title: str
    genuine: str
    impostor: str
    false: str
    missed: str
    lines: Sequence[tuple[float, str]] = ()


def draw(series: Sequence[Series], words: Words, path: Path) -> None:
    """Draw the curves of all series, and the histogram of the first.

    Raises:
        UnavailableError: matplotlib is not installed.
        StorageError: the file cannot be written.
    """
    figure = _canvas()
    left, right = figure.subplots(1, 2)
    figure.suptitle(words.title, fontsize=12, x=0.02, ha="left")
    _errors(left, series, words)
    _heaps(right, series[0], words)
    try:
        figure.savefig(path, dpi=110)
    except (OSError, ValueError) as error:
        msg = f"the drawing {path} cannot be written: {error}"
        raise StorageError(msg, hint="Its name must end in .png.") from error


def _canvas() -> Any:  # noqa: ANN401 - an extra that may be absent when types are checked
    try:
        # Without pyplot there is no window, no global state, no backend to choose.
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = f"matplotlib cannot be loaded: {error}"
        hint = 'Install it: `pip install "doorbell-edge[evaluation]"`.'
        raise UnavailableError(msg, hint=hint) from error
    return Figure(figsize=(11.5, 5.0), layout="constrained")


def _errors(axes: Any, series: Sequence[Series], words: Words) -> None:  # noqa: ANN401 - as above
    for one, colour in zip(series, _colours(len(series)), strict=True):
        curve = error_curve(one.genuine, one.impostor)
        false, missed = curve.false * 100, curve.missed * 100
        axes.plot(false, missed, label=one.label, color=colour, linewidth=1.8)
    ticks = [f"{tick:g} %" for tick in TICKS]
    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(TICKS, ticks)
        axis.set_ticks([], minor=True)
    axes.set(xlim=(LEAST_PERCENT, MOST_PERCENT), ylim=(LEAST_PERCENT, MOST_PERCENT))
    axes.set(xlabel=words.false, ylabel=words.missed)
    axes.set_title("Errors at every threshold: lower left is better", fontsize=10)
    axes.axvline(1.0, color=GREY, linewidth=0.8, linestyle=":")
    axes.grid(visible=True, alpha=0.25)
    axes.legend(frameon=False)


def _heaps(axes: Any, one: Series, words: Words) -> None:  # noqa: ANN401 - as above
    values = [heap[np.isfinite(heap)] for heap in (one.genuine, one.impostor)]
    edges = np.linspace(*_range(np.concatenate(values)), BINS + 1)
    for heap, label, colour in zip(
        values, (words.genuine, words.impostor), (INK, OTHER), strict=True
    ):
        shares = np.full(len(heap), 100 / max(1, len(heap)))
        axes.hist(heap, edges, weights=shares, color=colour, alpha=0.6, label=label)
    top = axes.get_ylim()[1]
    # Room above the heaps for the words.
    axes.set_ylim(0, top * 1.3)
    for number, (likeness, label) in enumerate(words.lines):
        height = top * (1.0 - 0.07 * number)
        axes.vlines(likeness, 0, height, color=GREY, linewidth=1.2, linestyle="--")
        axes.text(likeness, height, f" {label}", color=GREY, fontsize=9, va="top")
    axes.set(xlabel="likeness", ylabel="% of each")
    axes.set_title(f"Likenesses: {one.label}", fontsize=10)
    axes.legend(frameon=False, loc="upper left")


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    if not len(values):
        return 0.0, 1.0
    low, high = np.quantile(values, (0.001, 1.0))
    return float(low), float(max(high, low + 1e-6))


def _colours(count: int) -> list[str]:
    return [INK, OTHER, "#4c8c4a", "#7a4f9a", "#b8860b"][:count]
