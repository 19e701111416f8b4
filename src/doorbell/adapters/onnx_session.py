"""One network run by onnxruntime, as small as it goes.

Measured with the 22 MB face network on x86-64 (onnxruntime 1.32, resident MiB after 25
runs; 45 for the library and numpy): 128 as it is, 118 without the arena, 85 when the
heap is trimmed after loading. With weights in a file of their own and the layout left
as it is, 21 of the rest are mapped from that file and shared between workers, at 16
instead of 12 ms a run; on ARM onnxruntime never changes the layout, so nothing is lost.
"""

from __future__ import annotations

import os
import platform
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from doorbell.adapters.heap import give_back
from doorbell.core.errors import BadInputError, ModelError, UnavailableError
from doorbell.core.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

INSTALL = 'Install it: `pip install "doorbell-edge[vision]"`.'
_SEVERITY_ERROR = 3


class OnnxSession:
    """A network with one input, on one thread."""

    def __init__(
        self,
        path: Path,
        shape: Sequence[int | None],
        meter: Meter | None = None,
        model: bytes | None = None,
    ) -> None:
        """Load it.

        Args:
            path: of the model.
            shape: that its input must have; None where the model may leave it open.
            meter: counts its runs; None for one of its own.
            model: what to load in place of what the file holds.

        Raises:
            UnavailableError: onnxruntime is not installed.
            ModelError: the file cannot be used.
        """
        runtime = _library()
        try:
            self._session = runtime.InferenceSession(
                str(path) if model is None else model,
                _options(runtime),
                providers=["CPUExecutionProvider"],
            )
        # Its errors share no class below Exception: a bad file, another opset, and a
        # missing operator are each a type of its own.
        except Exception as error:
            msg = f"{path.name} is no model that can be used: {_first_line(error)}"
            raise ModelError(msg) from error
        [taken, *others] = self._session.get_inputs()
        if others or not _fits(taken.shape, shape):
            msg = f"{path.name} takes {taken.shape}, not {list(shape)}"
            raise ModelError(msg)
        self._input = taken.name
        self._meter = Meter() if meter is None else meter
        self.outputs: list[str] = [one.name for one in self._session.get_outputs()]
        give_back()

    def run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return every output, in the order of `outputs`.

        Raises:
            BadInputError: the network answered with something that is no number.
        """
        began_ns = time.perf_counter_ns()
        found = self._session.run(None, {self._input: batch})
        self._meter.ran(time.perf_counter_ns() - began_ns)
        if not all(np.isfinite(values).all() for values in found):
            msg = "the network answered with something that is no number"
            raise BadInputError(msg)
        return list(found)


def _options(runtime: Any) -> Any:  # noqa: ANN401 - onnxruntime ships no types
    options = runtime.SessionOptions()
    # A second thread makes one picture slower: 34 against 42 frames a second.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = _SEVERITY_ERROR
    level = runtime.GraphOptimizationLevel
    is_arm = platform.machine() in {"aarch64", "armv7l"}
    options.graph_optimization_level = (
        level.ORT_ENABLE_EXTENDED if is_arm else level.ORT_ENABLE_ALL
    )
    return options


def _library() -> Any:  # noqa: ANN401 - onnxruntime ships no types
    # Its wheels report to their maker once loaded; nothing leaves this house.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime  # noqa: PLC0415 - its absence is an answer, not a crash on import
    except ImportError as error:
        msg = f"onnxruntime cannot be loaded: {error}"
        raise UnavailableError(msg, hint=INSTALL) from error
    return onnxruntime


def _fits(found: Sequence[object], wanted: Sequence[int | None]) -> bool:
    return len(found) == len(wanted) and all(
        need is None or have == need or isinstance(have, str | None)
        for have, need in zip(found, wanted, strict=True)
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
