"""How alike two embeddings are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# An embedding of no length is like nothing; it must not divide by zero.
_NO_LENGTH = 1e-12


def cosine(
    probe: NDArray[np.float32], gallery: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the cosine of the angle to each row, -1..1; 1 is the same direction."""
    # `linalg.norm` makes a copy of all that is enrolled.
    lengths = np.sqrt(np.einsum("ij,ij->i", gallery, gallery)) * np.linalg.norm(probe)
    return np.asarray(gallery @ probe / np.maximum(lengths, _NO_LENGTH), np.float32)
