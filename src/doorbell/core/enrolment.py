"""Whether a photograph may stand for a person, and how well a gallery separates.

Pure values without numpy: the hub calls this with what vision found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from doorbell.core.decision import Decision  # noqa: TC001 - msgspec resolves it
from doorbell.core.quality import (
    ASIDE,
    DARK,
    SHARP,
    FaceMeasures,
    complaint,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from doorbell.core.decision import Box

# A third of it turned away is still a face, but a poor example.
SOMEWHAT_ASIDE = ASIDE / 2
# A face that is darker than this, or turned further, shows what others lack.
DIM, TURNED = 1.5 * DARK, SOMEWHAT_ASIDE / 2
# Children's faces change within a year by more than an adult's within ten
# (Best-Rowden and Jain, "Longitudinal study of automatic face recognition", 2018).
CHILD_S = 365 * 86_400.0


class PhotoFace(Protocol):
    """A face in a photograph, as vision reports it (`messages.ExtractedFace`)."""

    @property
    def box(self) -> Box:
        """In pixels of the photograph."""
        ...

    @property
    def sharpness(self) -> float:
        """Variance of the Laplacian on the aligned face."""
        ...

    @property
    def brightness(self) -> float:
        """Mean grey level of the aligned face, 0..255."""
        ...

    @property
    def yaw(self) -> float:
        """How far it looks aside, -1..1."""
        ...

    @property
    def nearest_person(self) -> str | None:
        """The enrolled person most like it; None when nobody is enrolled."""
        ...

    @property
    def nearest_likeness(self) -> float | None:
        """How alike that person is."""
        ...


@dataclass(frozen=True, slots=True)
class PhotoVerdict:
    """What became of a photograph.

    Attributes:
        refusal: why it was refused, in words for the owner; empty when accepted.
        remark: what is doubtful about an accepted one; empty when nothing is.
        face: index of the face that stands for the person; None when refused.
    """

    refusal: str = ""
    remark: str = ""
    face: int | None = None


@dataclass(frozen=True, slots=True)
class EnrolmentLimits:
    """From the settings, the engine's operating point and the list of people.

    Attributes:
        min_face_px: narrower faces are refused.
        unsure_at: from this likeness on a face resembles somebody else.
        known_at: from this likeness on it is somebody else.
        names: of the enrolled people, by id; used in sentences for the owner only.
    """

    min_face_px: int
    unsure_at: float
    known_at: float
    names: Mapping[str, str]


def lacking(faces: Sequence[PhotoFace]) -> list[str]:
    """Say which conditions of a front door no photograph shows.

    Glasses and caps cannot be told from the measures there are.
    """
    shown = {
        "a dimly lit face": any(face.brightness < DIM for face in faces),
        "a face turned a little aside": any(abs(face.yaw) > TURNED for face in faces),
    }
    return [what for what, is_there in shown.items() if not is_there]


def is_outgrown(
    name: str, consent: str, enrolled_s: float | None, now_s: float | None
) -> bool:
    """Whether photographs are of a child, as far as we know, and older than a year.

    Somebody else consents for a child. Times are wall seconds; without them nothing is
    said.
    """
    if enrolled_s is None or now_s is None or name.casefold() == consent.casefold():
        return False
    return now_s - enrolled_s > CHILD_S


def judge_photo(
    faces: Sequence[PhotoFace], person_id: str | None, limits: EnrolmentLimits
) -> PhotoVerdict:
    """Say whether a photograph may be enrolled.

    Args:
        faces: everything vision found in it.
        person_id: whose it is said to be; None for somebody new.
        limits: as set.
    """
    if not faces:
        return PhotoVerdict("no face was found in it")
    if len(faces) > 1:
        return PhotoVerdict(_several(faces))
    face = faces[0]
    other = _somebody_else(face, person_id, limits)
    if refusal := _flaw(face, limits):
        return PhotoVerdict(refusal)
    if other and (face.nearest_likeness or 0.0) >= limits.known_at:
        return PhotoVerdict(f"it is already somebody else: {other}")
    remark = f"it resembles {other}" if other else _doubt(face)
    return PhotoVerdict("", remark, 0)


def _several(faces: Sequence[PhotoFace]) -> str:
    places = " and ".join(
        f"{face.box.w} px wide at {face.box.x},{face.box.y}" for face in faces[:4]
    )
    return f"{len(faces)} faces are in it ({places}): cut it to one"


def _flaw(face: PhotoFace, limits: EnrolmentLimits) -> str:
    if face.box.w < limits.min_face_px:
        return (
            f"the face is too small: {face.box.w} px wide, "
            f"{limits.min_face_px} are needed"
        )
    flaw = complaint(
        FaceMeasures(face.box.w, face.sharpness, face.brightness, face.yaw)
    )
    return {
        "": "",
        "too dark": "the face is too dark",
        "too bright": "the face is too bright",
        "blurred": "the face is blurred",
        "looks aside": "the face looks aside",
    }[flaw]


def _somebody_else(
    face: PhotoFace, person_id: str | None, limits: EnrolmentLimits
) -> str:
    """Name the other person this face comes near, or nothing."""
    nearest, likeness = face.nearest_person, face.nearest_likeness
    if nearest is None or nearest == person_id or likeness is None:
        return ""
    if likeness < limits.unsure_at:
        return ""
    return f"{limits.names.get(nearest, nearest)} (likeness {likeness:.2f})"


def _doubt(face: PhotoFace) -> str:
    if face.sharpness < SHARP:
        return "it is rather soft"
    if face.brightness < DARK:
        return "it is rather dark"
    if abs(face.yaw) > SOMEWHAT_ASIDE:
        return "it looks somewhat aside"
    return ""


@dataclass(frozen=True, slots=True)
class PhotoStanding:
    """How one enrolled photograph fares against all the others.

    Attributes:
        row: its row in the gallery.
        person_id: whose it is.
        decision: what it would be called at the door.
        nearest: the person nearest to it among the others.
        likeness: how near.
    """

    row: int
    person_id: str
    decision: Decision
    nearest: str
    likeness: float


@dataclass(frozen=True, slots=True)
class Lookalike:
    """Two people whose photographs come near each other."""

    person_id: str
    other_id: str
    likeness: float


@dataclass(frozen=True, slots=True)
class Separation:
    """How well a gallery tells its people apart.

    Attributes:
        photos: photographs judged: all of people with at least two.
        right: of these, how many name their own person.
        worst: those that do not, the most misleading first.
        lookalikes: people who could be taken for each other, the most alike first.
    """

    photos: int = 0
    right: int = 0
    worst: list[PhotoStanding] = field(default_factory=list)
    lookalikes: list[Lookalike] = field(default_factory=list)
