"""What the supervisor and its workers say to each other.

Every message is one datagram on the worker's own link; some carry a file descriptor
beside it (a sealed memfd with a picture or a table of numbers), named in the
docstring. Workers never talk to each other: the hub routes.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from config.production.production_settings import ProductionSettings
from doorbell.core.decision import Box, Decision, FaceVerdict
from doorbell.core.enrolment import Separation
from doorbell.core.ring import Ring, RingSource
from doorbell.core.stamp import Stamp
from doorbell.stages.watching import (
    ExportSpans,
    Observe,
    SecurityNoticed,
    SpansEnded,
    SpansExported,
)


class Message(Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True):
    """Base of all messages; the class name is the tag on the wire.

    Attributes:
        traceparent: the visit or the request it is about, filled in where it is sent
            (`runtime.carried`); empty when it is about none.
    """

    traceparent: str = ""


# Every worker.


class Configure(Message, frozen=True):
    """First message to every worker.

    Attributes:
        slot_size: bytes of one slot of the frame ring.
        slots: number of slots; the ring's memfd came by inheritance.
    """

    settings: ProductionSettings
    slot_size: int
    slots: int


class Ready(Message, frozen=True):
    """The worker's rehearsal passed; `detail` is shown to people."""

    detail: str = ""


class Beat(Message, frozen=True):
    """The work loop turned; hung if silent for longer than `within_s`."""

    within_s: float


class Broken(Message, frozen=True):
    """The worker ends on purpose; a wrong setting does not heal by restarting."""

    message: str
    hint: str = ""
    exit_code: int = 1
    error_id: str = ""


class Stop(Message, frozen=True):
    """Finish what is in hand and exit with 0."""


# Frames. A slot is lent by the hub; its generation grows with each loan, and a message
# with an old generation is an error.


class FrameRef(Struct, frozen=True):
    """A frame in a slot of the ring: RGB, 8 bits, rows without padding.

    Attributes:
        mono_ns: when the sensor saw it.
        sharpness: variance of the Laplacian on a 160-pixel-wide grey copy; higher is
            sharper, 0 for one colour.
        brightness: mean grey level, 0..255.
        motion: mean absolute grey difference to the frame before, 0..255.
    """

    slot: int
    generation: int
    width: int
    height: int
    mono_ns: int
    sharpness: float = 0.0
    brightness: float = 0.0
    motion: float = 0.0


class LendSlot(Message, frozen=True):
    """Hub to capture: write one frame here."""

    slot: int
    generation: int


class FrameTaken(Message, frozen=True):
    """Capture to hub: the slot comes back filled."""

    frame: FrameRef


CameraCondition = Literal["ok", "absent", "busy", "black", "frozen", "off"]


class CameraState(Message, frozen=True):
    """Capture to hub, on every change: how the camera is and what would help."""

    condition: CameraCondition
    detail: str = ""
    hint: str = ""


class EncodePicture(Message, frozen=True):
    """Hub to capture or vision: make a JPEG of this frame."""

    request: int
    frame: FrameRef


class PictureEncoded(Message, frozen=True):
    """The answer; descriptor: the JPEG, unless `error` says why there is none."""

    request: int
    error: str = ""


# Vision.


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
    took_ms: dict[str, float] = {}
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
    faces: list[ExtractedFace] = []
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


# Notifications.

NoticeKind = Literal["ring", "name", "visit", "digest", "test", "alert"]


class NoticeFace(Struct, frozen=True):
    """A visitor as a notification names them: `name` only if known or unsure."""

    decision: Decision
    name: str | None
    likeness: float | None
    box: Box
    wording: str = ""


class Notice(Struct, frozen=True, kw_only=True):
    """What is to be said; the notify stage puts it into words.

    Attributes:
        kind: `ring`: someone rang, the name will follow; `name`: the update of a
            `ring`; `visit`: the only push of a visit; `digest`: what piled up;
            `alert`: something is wrong with the doorbell, as `text` says.
        key: idempotency key, visit id + kind; a second send replaces the first.
        replaces: what the service may use to replace an earlier push: the visit id.
        at_s: wall seconds since 1970 UTC, None when the clock could not be trusted.
        late: told long after the ring, so that the time belongs in the sentence.
        silent: delivered without sound.
        synthetic: a self-test, never shown to a person.
        rings: presses counted in this visit.
        reason: why recognition gave no answer; empty when it did.
        digest: the visits of a `digest`, oldest first, each a Notice of its own.
        unsure_at, known_at: the engine's operating points (`EngineReady`), for likeness
            in words; None leaves it to the decision.
    """

    kind: NoticeKind
    key: str
    replaces: str
    at_s: float | None
    decision: Decision | None = None
    faces: list[NoticeFace] = []
    late: bool = False
    silent: bool = False
    synthetic: bool = False
    rings: int = 1
    reason: str = ""
    text: str = ""
    digest: list[Notice] = []
    unsure_at: float | None = None
    known_at: float | None = None


class Deliver(Message, frozen=True):
    """Hub to notify: one attempt; descriptor: the JPEG, when `has_picture`."""

    attempt: int
    target: str
    notice: Notice
    has_picture: bool = False


class Delivered(Message, frozen=True):
    """Notify to hub: how the attempt went.

    Attributes:
        status: `sent` (the target's 2xx), `retry` (may work later), `refused` (will
            never work: wrong token, gone).
        detail: for people, without secrets.
        retry_after_s: the target's own wish, if it had one.
    """

    attempt: int
    status: Literal["sent", "retry", "refused"]
    detail: str = ""
    retry_after_s: float | None = None


# Button. The button process is the only writer of the ring journal.


class PressBegan(Message, frozen=True):
    """First edge: capture may start; nobody is told yet."""

    press: int
    stamp: Stamp


class PressVoid(Message, frozen=True):
    """The level did not hold long enough: nothing happened."""

    press: int


class ButtonStuck(Message, frozen=True):
    """The line has been active for longer than `[button] stuck_s`, or is so no more."""

    stuck: bool
    held_s: float


class ButtonState(Message, frozen=True):
    """Button to hub, on every change: how its line and its journal are.

    With a `broken` journal rings are told all the same, undurable.
    """

    line: Literal["ok", "absent", "off"]
    journal: Literal["ok", "broken"]
    detail: str = ""
    hint: str = ""


class Rung(Message, frozen=True):
    """Button to hub, after the fsync.

    `press` is 0 unless a GPIO edge began it, `request` unless somebody asked for it.
    """

    ring: Ring
    press: int = 0
    request: int = 0
    error: str = ""


class RequestRing(Message, frozen=True):
    """Hub to button: somebody rang otherwise; answered by `Rung` with `request`.

    `kept` is false for a self-test that is not to wear the card: it is answered as an
    undurable ring, at once.
    """

    request: int
    source: RingSource
    kept: bool = True


class RingAccepted(Message, frozen=True):
    """Button to hub: the answer to `RequestRing`, sent after its `Rung`."""

    request: int
    ring: Ring


class CursorMoved(Message, frozen=True):
    """Hub to button: rings up to `seq` are in state.db; their files may go."""

    seq: int


class LightUp(Message, frozen=True):
    """Hub to button: somebody pressed in the dark; light the door."""


# Web.


class ServeHttp(Message, frozen=True):
    """Hub to web: take connections from now on; a standby slot waits for this."""


class Converse(Message, frozen=True):
    """Web to hub: somebody asks over HTTP.

    Descriptor: one end of a `SEQPACKET` pair, on which one request of
    `runtime.requests` is answered as on the control socket.
    """


class Sessions(Message, frozen=True):
    """Web to hub, on every change: clients that showed the token lately."""

    active: int


FromHub = (
    Configure
    | Stop
    | LendSlot
    | EncodePicture
    | LoadGallery
    | Look
    | ForgetVisit
    | ExtractFaces
    | JudgeGallery
    | Deliver
    | RequestRing
    | CursorMoved
    | LightUp
    | ServeHttp
    | ExportSpans
)
FromWorker = (
    Ready
    | Beat
    | Broken
    | FrameTaken
    | CameraState
    | PictureEncoded
    | Seen
    | FacesExtracted
    | GalleryJudged
    | EngineReady
    | Delivered
    | PressBegan
    | PressVoid
    | ButtonStuck
    | ButtonState
    | Rung
    | RingAccepted
    | Converse
    | Sessions
    | Observe
    | SecurityNoticed
    | SpansEnded
    | SpansExported
)
