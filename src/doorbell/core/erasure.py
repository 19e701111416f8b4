"""What is left of a visit when a person is erased."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from doorbell.core.decision import FaceVerdict


def mentions(
    faces: Sequence[FaceVerdict], labels: Mapping[int, str], person_id: str
) -> bool:
    """Whether a visit was taken for this person, or labelled so."""
    return person_id in labels.values() or any(
        face.person_id == person_id for face in faces
    )


def without(
    faces: Sequence[FaceVerdict], labels: Mapping[int, str], person_id: str
) -> tuple[list[FaceVerdict], dict[int, str]]:
    """Return the faces and labels of a visit, the person taken out of them."""
    kept = [
        replace(face, person_id=None) if face.person_id == person_id else face
        for face in faces
    ]
    return kept, {face: who for face, who in labels.items() if who != person_id}
