"""Which face of a photograph is the person's, when an engine reads it anew.

No numpy: the hub decides this.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_FLOAT_BYTES = 4
NO_FACE = "no face was found in it"
SEVERAL = "several faces are in it, and nothing says which one is meant"


def face_of(
    faces: Sequence[bytes], references: Sequence[bytes]
) -> tuple[int | None, str]:
    """Choose a face.

    Args:
        faces: embeddings of the faces in the photograph, float32 little endian.
        references: embeddings of the same person from photographs of one face.

    Returns:
        Index of the face, or None and why.
    """
    if not faces:
        return None, NO_FACE
    if len(faces) == 1:
        return 0, ""
    if not references:
        return None, SEVERAL
    alike = [max(_cosine(face, other) for other in references) for face in faces]
    return alike.index(max(alike)), ""


def _cosine(one: bytes, other: bytes) -> float:
    a, b = _floats(one), _floats(other)
    lengths = math.hypot(*a) * math.hypot(*b)
    total = math.fsum(x * y for x, y in zip(a, b, strict=True))
    return total / lengths if lengths else 0.0


def _floats(embedding: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(embedding) // _FLOAT_BYTES}f", embedding)
