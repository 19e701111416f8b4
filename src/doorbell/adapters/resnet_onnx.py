"""dlib's face network run by onnxruntime: the embeddings of the engine `dlib`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from doorbell.adapters.faces_dlib import CHIP_SIDE, DIMENSIONS, DlibChips
from doorbell.adapters.onnx_session import OnnxSession
from doorbell.core.likeness import cosine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from doorbell.core.meter import Meter
    from doorbell.ports.faces import DetectedFace


class ResnetOnnxEmbedder:
    """The converted network behind dlib's own alignment."""

    dimensions = DIMENSIONS

    def __init__(
        self, path: Path, space: str, chips: DlibChips, meter: Meter | None = None
    ) -> None:
        """Load it.

        Args:
            path: of the converted network.
            space: that of the engine `dlib` with the same files.
            chips: dlib's alignment.
            meter: counts its runs.

        Raises:
            ModelError: the file cannot be used.
        """
        self.space = space
        self._chips = chips
        self._session = OnnxSession(path, (None, 3, CHIP_SIDE, CHIP_SIDE), meter)

    def align(self, rgb: NDArray[np.uint8], face: DetectedFace) -> NDArray[np.uint8]:
        """Return the upright chip; what lies outside the picture is black."""
        return self._chips.align(rgb, face)

    def embed(self, chips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return one embedding a chip.

        Raises:
            BadInputError: the network answered with something that is no number.
        """
        # One at a time: a batch is no faster on one thread and needs more memory.
        rows = [self._session.run(_batch(chip))[0][0] for chip in chips]
        return np.array(rows, np.float32).reshape(len(chips), DIMENSIONS)

    likeness = staticmethod(cosine)


def _batch(chip: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.ascontiguousarray(chip.transpose(2, 0, 1), np.float32)[None]
