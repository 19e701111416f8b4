"""What `doorbell bench engines` prints: Markdown for people, JSON for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.evaluation.contest import (
    ORACLE,
    STEPS,
    Missing,
    Result,
    by_name,
    times_faster,
)
from doorbell.evaluation.contestant import MOVED, WHOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.evaluation.figures import Spread
    from doorbell.evaluation.search_times import SearchTime

    Json = dict[str, object]

TITLES = {
    ORACLE: "face_recognition",
    "face_recognition-quarter": "face_recognition, ¼ size",
    WHOLE: "dlib-onnx without YuNet, whole frame",
    MOVED: "dlib-onnx without YuNet, what moved first",
    "dlib-onnx": "dlib-onnx with YuNet",
}
HEADS = (
    "engine",
    "find",
    "align",
    "embed",
    "search",
    "whole frame",
    "faster",
    "empty",
    "frames/s, 1 and 2 workers",
    "RSS MiB",
    "load s",
    "faces",
)
LEGEND = (
    "Milliseconds, median / 95th percentile, of frames with a face; `find` with its "
    "landmarks.\n`whole frame`: ours through the vision stage to the decision, "
    "face_recognition as its examples do.\n`faster`: than face_recognition, by the "
    "median of the whole frame. `empty`: a frame of the porch with nobody in it."
)
FEW_MS = 10.0


def as_text(found: Sequence[Result | Missing], searches: Sequence[SearchTime]) -> str:
    """Return the table, what is missing, and the times of the search."""
    results = by_name(found)
    oracle = results.get(ORACLE)
    rows = [_row(one, oracle) for one in results.values()]
    parts = [markdown(HEADS, rows) if rows else "no engine can be measured", LEGEND]
    ratios = [
        f"{_title(one.name)} {one.stage_ratio:.2f}"
        for one in results.values()
        if one.stage_ratio
    ]
    if ratios:
        parts.append(f"Vision stage over its models' own time: {', '.join(ratios)}.")
    parts += [
        f"Not measured: {_title(one.name)}: {one.reason}"
        for one in found
        if isinstance(one, Missing)
    ]
    parts.append(_search_text(searches))
    return "\n\n".join(parts)


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, its columns aligned for who reads it as it is."""
    lines = [list(heads), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    text = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([text[0], rule, *text[1:]])


def _row(one: Result, oracle: Result | None) -> tuple[str, ...]:
    ratio = times_faster(one, oracle)
    return (
        _title(one.name),
        *(_both(one.steps[step]) for step in STEPS),
        "-" if ratio is None else f"{ratio:.1f}x",
        "-" if one.empty is None else _number(one.empty.median),
        " and ".join(f"{fps:.1f}" for fps in one.fps.values()),
        f"{one.rss_mib:.0f}",
        f"{one.load_s:.2f}",
        str(one.faces),
    )


def _title(name: str) -> str:
    return TITLES.get(name, name)


def _both(one: Spread) -> str:
    return f"{_number(one.median)} / {_number(one.p95)}"


def _number(ms: float) -> str:
    return f"{ms:.1f}" if ms < FEW_MS else f"{ms:.0f}"


def _search_text(searches: Sequence[SearchTime]) -> str:
    rows = [(f"{one.vectors:,}", _both(one.ours), _both(one.plain)) for one in searches]
    heads = ("enrolled vectors", "search ms", "face_distance ms")
    return markdown(heads, rows)


def as_json(found: Sequence[Result | Missing], searches: Sequence[SearchTime]) -> Json:
    """Return the same for scripts."""
    results = by_name(found)
    oracle = results.get(ORACLE)
    return {
        "engines": {
            name: _result_json(one) | {"times_faster": times_faster(one, oracle)}
            for name, one in results.items()
        },
        "missing": {one.name: one.reason for one in found if isinstance(one, Missing)},
        "search": {
            str(one.vectors): {
                "search_ms": _spread_json(one.ours),
                "face_distance_ms": _spread_json(one.plain),
            }
            for one in searches
        },
    }


def _result_json(one: Result) -> Json:
    return {
        "steps_ms": {step: _spread_json(found) for step, found in one.steps.items()},
        "empty_ms": _spread_json(one.empty) if one.empty else None,
        "stage_over_models": one.stage_ratio or None,
        "faces": one.faces,
        "load_s": one.load_s,
        "rss_mib": one.rss_mib,
        "pss_mib": one.pss_mib,
        "frames_per_s": {str(n): fps for n, fps in one.fps.items()},
    }


def _spread_json(one: Spread) -> Json:
    return {"median": one.median, "p95": one.p95, "count": one.count}
