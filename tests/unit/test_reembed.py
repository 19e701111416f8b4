"""The right face of a photograph is read anew."""

from __future__ import annotations

import struct

import pytest

from doorbell.core.reembed import NO_FACE, SEVERAL, face_of


def row(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


ANNA, OTHER = row(1.0, 0.1), row(0.0, 1.0)


@pytest.mark.parametrize(
    ("faces", "references", "chosen"),
    [
        ([], [ANNA], (None, NO_FACE)),
        ([OTHER], [ANNA], (0, "")),
        ([OTHER, ANNA], [], (None, SEVERAL)),
        ([OTHER, ANNA], [row(5.0, 0.0)], (1, "")),
        ([ANNA, OTHER], [row(5.0, 0.0)], (0, "")),
        # One reference that fits is enough: photographs differ.
        ([OTHER, ANNA], [row(-1.0, 0.0), row(1.0, 0.2)], (1, "")),
        # An embedding without length is like nobody.
        ([row(0.0, 0.0), ANNA], [ANNA], (1, "")),
    ],
)
def test_face_is_the_one_like_the_other_photographs(
    faces: list[bytes], references: list[bytes], chosen: tuple[int | None, str]
) -> None:
    assert face_of(faces, references) == chosen
