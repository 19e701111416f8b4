"""Every installed engine against plain face_recognition, on the same frames.

Each engine is a process of its own; they take turns, round by round, so that whatever
else the machine does falls on all of them. Frames a second are measured one engine at a
time, with one and with two processes.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Self

from doorbell.adapters.model_build import STEM, find_built
from doorbell.adapters.model_catalogue import FETCHED, YUNET
from doorbell.adapters.model_folder import ModelFolder
from doorbell.core.errors import UnavailableError
from doorbell.evaluation.contestant import MOVED, WHOLE
from doorbell.evaluation.figures import Spread, spread
from doorbell.runtime.models import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    Progress = Callable[[str], None]

STEPS = ("find", "align", "embed", "search", "whole")
END_S = 10.0
# Who runs with which models: with YuNet where it is installed, and without.
OUR_MODELS, BARE = "models", "bare"
CONTESTANTS = {
    "face_recognition": OUR_MODELS,
    "face_recognition-quarter": OUR_MODELS,
    "dlib": OUR_MODELS,
    WHOLE: BARE,
    MOVED: BARE,
    "dlib-onnx": OUR_MODELS,
    "mobilefacenet": OUR_MODELS,
}
ORACLE = "face_recognition"
NO_YUNET = "YuNet is not installed: `doorbell models fetch yunet`"


@dataclass(frozen=True, slots=True)
class Result:
    """One engine.

    Attributes:
        steps: milliseconds a frame with a face, by step.
        empty: milliseconds a frame of the empty porch.
        stage_ratio: median of a whole frame over the time within networks; 0 where
            that is not known.
        faces: found, of all frames of one round.
        fps: frames a second by number of processes.
    """

    name: str
    steps: dict[str, Spread]
    empty: Spread | None
    stage_ratio: float
    faces: int
    load_s: float
    rss_mib: float
    pss_mib: float
    fps: dict[int, float]


@dataclass(frozen=True, slots=True)
class Missing:
    """One that could not be measured, and why."""

    name: str
    reason: str


class Contestant:
    """A process that runs one engine; a context manager.

    Attributes:
        hello: what it said when it had loaded.
    """

    def __init__(self, name: str, frames: Path, models: Path) -> None:
        command = [sys.executable, "-m", "doorbell.evaluation.contestant"]
        self._process = subprocess.Popen(
            [*command, name, str(frames), str(models)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is the parent's to answer.
            start_new_session=True,
        )
        self.name = name
        self.hello: dict[str, Any] = {}

    def __enter__(self) -> Self:
        """Wait until it has loaded."""
        try:
            self.hello = self.heard()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._end()

    def _end(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            _pipe(self._process.stdin).close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _pipe(self._process.stdout).close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def tell(self, **order: object) -> None:
        """Ask for something; `heard` has the answer."""
        stdin = _pipe(self._process.stdin)
        try:
            stdin.write(json.dumps(order) + "\n")
            stdin.flush()
        except BrokenPipeError as error:
            msg = f"{self.name} ended while it was measured"
            raise UnavailableError(msg) from error

    def heard(self) -> dict[str, Any]:
        """Wait for the next answer.

        Raises:
            UnavailableError: it ended.
        """
        line = _pipe(self._process.stdout).readline()
        if not line:
            msg = f"{self.name} ended while it was measured"
            raise UnavailableError(msg)
        answer: dict[str, Any] = json.loads(line)
        return answer


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        msg = "the process has no pipe"
        raise RuntimeError(msg)
    return pipe


def measure(  # noqa: PLR0913 - what is measured, for how long, and who is told
    frames: Path,
    *,
    models: ModelFolder,
    work: Path,
    rounds: int,
    seconds: float,
    progress: Progress,
) -> Iterator[Result | Missing]:
    """Measure every engine; yields each as it is known, in the order of the table.

    Args:
        frames: file of frames.
        models: those of this machine.
        work: for folders of models without YuNet.
        rounds: how often each takes every frame.
        seconds: how long each runs for its frames a second.
        progress: is told what is going on.
    """
    folders = {
        which: furnished(models, work / which, yunet=which == OUR_MODELS)
        for which in (OUR_MODELS, BARE)
    }
    with contextlib.ExitStack() as stack:
        entered: list[Contestant] = []
        for name, which in CONTESTANTS.items():
            progress(f"loading {name}")
            if name == "dlib-onnx" and models.condition(YUNET) != "installed":
                yield Missing(name, NO_YUNET)
                continue
            one = stack.enter_context(Contestant(name, frames, folders[which]))
            if "missing" in one.hello:
                yield Missing(name, one.hello["missing"])
            else:
                entered.append(one)
        memory = {one.name: _asked(one, do="memory") for one in entered}
        found = _in_turns(entered, rounds, progress)
    for one in entered:
        progress(f"frames a second: {one.name}")
        folder = folders[CONTESTANTS[one.name]]
        fps = {n: throughput(one.name, frames, folder, n, seconds) for n in (1, 2)}
        yield result(one.name, one.hello, memory[one.name], found[one.name], fps)


def _in_turns(
    entered: Sequence[Contestant], rounds: int, progress: Progress
) -> dict[str, list[dict[str, Any]]]:
    """Let one after the other take every frame, so that no time of day favours one."""
    found: dict[str, list[dict[str, Any]]] = {one.name: [] for one in entered}
    for number in range(rounds):
        for one in entered:
            progress(f"round {number + 1}/{rounds}: {one.name}")
            found[one.name].append(_asked(one, do="pass"))
    return found


def _asked(one: Contestant, **order: object) -> dict[str, Any]:
    one.tell(**order)
    return one.heard()


def throughput(
    name: str, frames: Path, models: Path, processes: int, seconds: float
) -> float:
    """Return how many frames a second so many processes take together."""
    with contextlib.ExitStack() as stack:
        crew = [
            stack.enter_context(Contestant(name, frames, models))
            for _ in range(processes)
        ]
        for one in crew:
            one.tell(do="run", seconds=seconds)
        answers = [one.heard() for one in crew]
    return sum(float(one["frames"]) / float(one["took_s"]) for one in answers)


def result(
    name: str,
    hello: dict[str, Any],
    memory: dict[str, Any],
    passes: Sequence[dict[str, Any]],
    fps: dict[int, float],
) -> Result:
    """Sum up what an engine answered."""
    rows = [row for one in passes for row in one["rows"]]
    steps = {step: spread([row[step] for row in rows]) for step in STEPS}
    networks = spread([row["networks"] for row in rows if "networks" in row])
    ratios = [row["whole"] / row["networks"] for row in rows if row.get("networks")]
    ratio = spread(ratios)
    return Result(
        name=name,
        steps={step: one for step, one in steps.items() if one is not None},
        empty=spread([ms for one in passes for ms in one["empty_ms"]]),
        stage_ratio=ratio.median if networks and ratio else 0.0,
        faces=int(passes[-1]["faces"]) if passes else 0,
        load_s=float(hello["load_s"]),
        rss_mib=float(memory["rss_mib"]),
        pss_mib=float(memory["pss_mib"]),
        fps=fps,
    )


def furnished(models: ModelFolder, folder: Path, *, yunet: bool) -> Path:
    """Make a folder of models for a measurement, so that nothing is built elsewhere.

    Args:
        models: those of this machine.
        folder: to be made.
        yunet: with what was fetched, or as a fresh machine has it.

    Raises:
        DoorbellError: dlib's network cannot be built.
    """
    folder.mkdir()
    ours = ModelFolder(folder)
    for model in FETCHED if yunet else ():
        if models.condition(model) == "installed":
            shutil.copy(models.file_of(model), ours.file_of(model))
    if find_built(models) is not None:
        for file in models.path.glob(f"{STEM}.*"):
            shutil.copy(file, folder)
    # Not installed is an answer that each engine gives itself.
    with contextlib.suppress(UnavailableError):
        build(ours)
    return folder


def by_name(found: Sequence[Result | Missing]) -> dict[str, Result]:
    """Return what was measured, by name."""
    return {one.name: one for one in found if isinstance(one, Result)}


def times_faster(one: Result, oracle: Result | None) -> float | None:
    """Return the ratio of the medians of whole frames; None without the oracle."""
    if oracle is None:
        return None
    return oracle.steps["whole"].median / one.steps["whole"].median
