"""A child process that runs one engine: `python -m doorbell.evaluation.contestant`.

One process an engine, so that its memory and load time are its own. It takes one JSON
object a line, and answers each by one:

    {"do": "pass"}              every frame once: milliseconds by step
    {"do": "run", "seconds": 5} frames for so long: how many
    {"do": "whole", "frames": 3} whole frames: milliseconds of each
    {"do": "memory"}            resident and proportional memory

Arguments: name, file of frames (`.npy`), folder of models.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from doorbell.core.errors import DoorbellError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

PLAIN = {"face_recognition": 1, "face_recognition-quarter": 4}
# Without an empty porch before them, it searches whole frames.
WHOLE, MOVED = "dlib-onnx-whole", "dlib-onnx-moved"
ENGINES = {
    "dlib": "dlib",
    "dlib-onnx": "dlib-onnx",
    WHOLE: "dlib-onnx",
    MOVED: "dlib-onnx",
    "mobilefacenet": "mobilefacenet",
}
WARM_UP = 2


class Recogniser(Protocol):
    """What is measured of an engine."""

    def whole(self, rgb: NDArray[np.uint8]) -> tuple[float, int]:
        """Take a frame to the decision; returns milliseconds and how many faces."""
        ...

    def steps(self, rgb: NDArray[np.uint8]) -> dict[str, float]:
        """Do it step by step; returns milliseconds by step."""
        ...


def opened(name: str, models: Path) -> Recogniser:
    """Load an engine.

    Raises:
        DoorbellError: it is not installed.
    """
    if name in PLAIN:
        from doorbell.evaluation.plain_recognition import PlainRecognition  # noqa: PLC0415 - its process only

        return PlainRecognition(PLAIN[name])
    from doorbell.evaluation.engine_probe import EngineProbe  # noqa: PLC0415 - as above

    return EngineProbe(ENGINES[name], models)


def one_pass(
    recogniser: Recogniser, frames: NDArray[np.uint8], *, porch_between: bool
) -> dict[str, Any]:
    """Take every frame once; returns lists of milliseconds.

    Args:
        recogniser: loaded.
        frames: the empty porch first.
        porch_between: show the porch before each of the others, as a door does.
    """
    rows: list[dict[str, float]] = []
    empty_ms: list[float] = []
    faces = 0
    for rgb in frames[1:]:
        if porch_between:
            empty_ms.append(recogniser.whole(frames[0])[0])
        steps = recogniser.steps(rgb)
        steps["whole"], found = recogniser.whole(rgb)
        steps |= getattr(recogniser, "last", {})
        rows.append(steps)
        faces += found
    return {"rows": rows, "empty_ms": empty_ms, "faces": faces}


def running(
    recogniser: Recogniser, frames: NDArray[np.uint8], seconds: float
) -> dict[str, Any]:
    """Take frames for so many seconds; returns how many and how long it took."""
    began_s = time.perf_counter()
    taken = 0
    while (took_s := time.perf_counter() - began_s) < seconds:
        recogniser.whole(frames[1 + taken % (len(frames) - 1)])
        taken += 1
    return {"frames": taken, "took_s": took_s}


def memory() -> dict[str, float]:
    """Return this process's memory in MiB."""
    text = Path("/proc/self/smaps_rollup").read_text()
    found = dict(line.split(":", 1) for line in text.splitlines()[1:])
    return {
        name.lower() + "_mib": int(found[name].split()[0]) / 1024
        for name in ("Rss", "Pss")
    }


def main() -> int:
    """Serve until standard input ends."""
    # Loaded before the clock runs: every engine needs it.
    import numpy as np  # noqa: PLC0415 - see above

    name, file, models = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    frames = np.load(file, mmap_mode="r")
    began_s = time.perf_counter()
    try:
        recogniser = opened(name, models)
    except DoorbellError as error:
        _say({"missing": f"{error}. {error.hint}".strip()})
        return 0
    load_s = time.perf_counter() - began_s
    for _ in range(WARM_UP):
        recogniser.whole(frames[1])
    _say({"load_s": load_s, "pid": os.getpid()})
    # A door shows its porch between visitors; without it, whole frames are searched.
    tasks: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "pass": lambda _: one_pass(recogniser, frames, porch_between=name != WHOLE),
        "run": lambda order: running(recogniser, frames, order["seconds"]),
        "whole": lambda order: {
            "took_ms": [
                recogniser.whole(frames[1 + number % (len(frames) - 1)])[0]
                for number in range(order["frames"])
            ]
        },
        "memory": lambda _: memory(),
    }
    for line in sys.stdin:
        order = json.loads(line)
        _say(tasks[order["do"]](order))
    return 0


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
