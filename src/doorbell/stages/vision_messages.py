"""What the hub and the vision workers say to each other."""

from __future__ import annotations

from msgspec import Struct, field

from doorbell.core.decision import Box, Decision, FaceVerdict
from doorbell.core.enrolment import Separation
from doorbell.stages.messages import FrameRef, Message


class LoadGallery(Message, frozen=True):
    """Hub to vision: who is enrolled.

    Descriptor: float32 little endian, shape (len(person_ids), dimensions), row i
    belonging to `person_ids[i]`; absent when nobody is enrolled. Rows of another
    embedding space than the engine's were left out by the hub.
    """

    version: int
    dimensions: int
    person_ids: list[str]


# The name under which vision keeps what it saw before anybody rang.
NO_VISIT = "nobody-rang"


class Look(Message, frozen=True):
    """Hub to vision: look at one more frame of this visit; returned by `Seen`.

    Attributes:
        visit: `NO_VISIT` for a glance before anybody rang, soon forgotten.
        claim: the visit's first look, at the frame nearest the press: faces glanced
            at before count if they still stand there.
        pressed_ns: when the bell was pressed; who had left by then does not count.
            0 when nobody pressed.
        follow: of a glance: only see where the faces glanced at are now, without a
            network.
    """

    visit: str
    frame: FrameRef
    claim: bool = False
    pressed_ns: int = 0
    follow: bool = False


class Seen(Message, frozen=True):
    """Vision to hub: one frame was looked at, and what the visit looks like now.

    Attributes:
        faces: of the whole visit so far, the evidence of all its frames combined;
            boxes are in pixels of the frame `best_mono_ns`.
        sure: more frames cannot change the answer for the better.
        best_mono_ns: the frame that shows the visit's faces best so far.
        error: why this frame could not be looked at; empty when it was.
        took_ms: by step ("detect", "embed").
        passes: runs of networks that this look took.
    """

    visit: str
    frame: FrameRef
    decision: Decision
    faces: list[FaceVerdict]
    sure: bool
    best_mono_ns: int
    error: str = ""
    took_ms: dict[str, float] = field(default_factory=dict)
    passes: int = 0


class ForgetVisit(Message, frozen=True):
    """Hub to vision: the visit is decided; drop its evidence."""

    visit: str


class ExtractFaces(Message, frozen=True):
    """Hub to vision: find and embed faces for enrolment.

    Descriptor: raw RGB of `width` by `height`.
    """

    request: int
    width: int
    height: int


class ExtractedFace(Struct, frozen=True):
    """A face in a photograph and how good it is.

    Attributes:
        embedding: float32 little endian, the engine's dimensions.
        score: the detector's confidence, in its own units.
        sharpness: variance of the Laplacian on the aligned face.
        brightness: mean grey level of the aligned face, 0..255.
        yaw: how far the face looks aside, -1..1; 0 is into the camera.
        nearest_person: the person of the loaded gallery most like it, however unlike;
            None when nobody is enrolled.
        nearest_likeness: how alike.
    """

    box: Box
    embedding: bytes
    score: float
    sharpness: float
    brightness: float
    yaw: float
    nearest_person: str | None = None
    nearest_likeness: float | None = None


class FacesExtracted(Message, frozen=True):
    """The answer; `error` says why the picture could not be used.

    Descriptor: the picture as JPEG, encoded by us, unless there is an `error`.
    """

    request: int
    space: str = ""
    faces: list[ExtractedFace] = field(default_factory=list)
    error: str = ""


class JudgeGallery(Message, frozen=True):
    """Hub to vision: how well does the loaded gallery separate its people?"""

    request: int


class GalleryJudged(Message, frozen=True):
    """The answer: each photograph left out and judged by the others."""

    request: int
    separation: Separation


class EngineReady(Message, frozen=True):
    """Vision to hub before `Ready`: which engine, and how it compares faces.

    Said again when a gallery of another size moved its lines.

    Attributes:
        space: digest of the network and its alignment; only equal spaces compare.
        known_at: likeness from which a face is known.
        unsure_at: likeness from which it is unsure.
        note: what is missing and which one command would improve it; may be empty.
    """

    engine: str
    space: str
    dimensions: int
    known_at: float
    unsure_at: float
    note: str = ""
