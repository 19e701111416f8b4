"""What the hub answers to a command's `requests`, and how things look in it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from doorbell.core.decision import FaceVerdict
from doorbell.core.ring import Ring
from monitoring.health.report import HealthReport


class Reply(Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True):
    """Base of what the hub answers."""


class Done(Reply, frozen=True):
    """The request was carried out; nothing follows."""

    note: str = ""


class Failed(Reply, frozen=True):
    """It was not; nothing follows, nothing was changed.

    Attributes:
        error_id: under which the daemon's log has it.
    """

    message: str
    hint: str = ""
    exit_code: int = 1
    error_id: str = ""


class VisitFace(Struct, frozen=True):
    """A face of a visit, with the name a person reads."""

    verdict: FaceVerdict
    name: str | None
    label: str | None = None


class VisitView(Struct, frozen=True, kw_only=True):
    """A visit as commands show it.

    Attributes:
        at_s: wall seconds since 1970 UTC; None when the clock could not be trusted.
        timings_ms: since the edge, by step ("rung", "captured", "decided", "push").
        told: per target, how it stands.
    """

    id: str
    ring: Ring
    at_s: float | None
    rings: int
    state: str
    decision: str
    reason: str = ""
    faces: list[VisitFace] = []
    timings_ms: dict[str, float] = {}
    told: dict[str, str] = {}
    has_picture: bool = False


class Accepted(Reply, frozen=True):
    """The ring is journalled (or known to be undurable); progress follows."""

    ring: Ring
    visit: str


class Visit(Reply, frozen=True):
    """One visit; of a `PressRequest` that waits, the last before `Done`."""

    view: VisitView


class Undurable(Struct, frozen=True):
    """A ring that was told from memory, since the disk would not take it.

    Attributes:
        at_s: wall seconds since 1970 UTC; None when the clock could not be trusted.
    """

    id: str
    source: str
    at_s: float | None


class Visits(Reply, frozen=True):
    """A list of visits, and the rings that no disk had when they rang."""

    views: list[VisitView]
    undurable: list[Undurable] = []


class PhotoJudged(Reply, frozen=True):
    """A photograph was taken or refused; `reason` says why, or what is doubtful."""

    label: str
    accepted: bool
    reason: str = ""


class Lookalike(Struct, frozen=True):
    """Two enrolled people who look alike to the engine."""

    name: str
    other: str
    likeness: float


class Separation(Struct, frozen=True, kw_only=True):
    """How well the gallery tells people apart, leave-one-out.

    Attributes:
        photos: how many photographs were tried.
        right: of these, how many were named rightly by the others.
        worst: photographs that hurt: label and reason.
        lookalikes: pairs too alike to be told apart.
    """

    photos: int
    right: int
    worst: list[tuple[str, str]] = []
    lookalikes: list[Lookalike] = []


class PersonView(Struct, frozen=True, kw_only=True):
    """An enrolled person as commands show it.

    Attributes:
        enrolled_s: when photographs were last added.
        left_out: photographs the engine in use cannot compare; 0 while none runs.
        outgrown: somebody else consented, as for a child, more than a year ago.
    """

    id: str
    name: str
    consent: str
    enrolled_s: float | None
    photos: int
    left_out: int = 0
    outgrown: bool = False


class Enrolled(Reply, frozen=True):
    """The person is stored; how well the gallery separates now.

    Attributes:
        lacking: conditions that none of the new photographs shows.
    """

    person: PersonView
    separation: Separation
    lacking: list[str] = []


class PeopleJudged(Reply, frozen=True):
    """How well the gallery separates its people, and where the lines are drawn.

    Attributes:
        people: enrolled with the engine in use.
        known_at, unsure_at: of that gallery.
    """

    separation: Separation
    people: int
    engine: str
    known_at: float
    unsure_at: float


class People(Reply, frozen=True):
    """Everybody enrolled, by name."""

    people: list[PersonView]


class Person(Reply, frozen=True):
    """One person; `visits` counts those in which they were named."""

    person: PersonView
    visits: int
    last_visit_s: float | None = None


class Erased(Reply, frozen=True):
    """A person is gone for good."""

    name: str
    photos: int
    pictures: int


class Exported(Reply, frozen=True):
    """One file of an export; descriptor: its bytes."""

    filename: str


class Reembedding(Reply, frozen=True):
    """One more photograph was read."""

    done: int
    total: int


class Reembedded(Reply, frozen=True):
    """The gallery is of the engine in use now.

    Attributes:
        replaced: photographs with a new embedding.
        current: photographs that had been read by this engine before.
        left: name, number of the photograph, and why it stays as it was.
    """

    engine: str
    replaced: int
    current: int
    left: list[tuple[str, int, str]] = []


class Imported(Reply, frozen=True):
    """A person was enrolled from encodings.

    Attributes:
        usable: whether the engine in use compares them; None while none runs.
    """

    person: PersonView
    encodings: int
    usable: bool | None = None


class Looked(Reply, frozen=True):
    """What the camera sees; descriptor: the JPEG."""

    camera: str
    faces: list[VisitFace]


class TargetAnswered(Reply, frozen=True):
    """How one target took the test push."""

    target: str
    outcome: Literal["sent", "retry", "refused"]
    detail: str = ""
    took_ms: float = 0.0


class Health(Reply, frozen=True):
    """The report of every check."""

    report: HealthReport


class Metrics(Reply, frozen=True):
    """The metrics come beside it; `address` is where `/metrics` is, or empty."""

    address: str = ""


class WorkerView(Struct, frozen=True):
    """A worker as commands show it."""

    role: str
    state: str
    pid: int
    deaths: int
    detail: str


class Status(Reply, frozen=True):
    """How the daemon is doing.

    Attributes:
        left_out: enrolment photographs the engine in use cannot compare.
        model_passes: runs of networks that looks took since the start.
    """

    version: str
    uptime_s: float
    workers: list[WorkerView]
    camera: str
    engine: str
    people: int
    outbox: int
    left_out: int = 0
    model_passes: int = 0


AnyReply = (
    Done
    | Failed
    | Accepted
    | Visit
    | Visits
    | PhotoJudged
    | Enrolled
    | People
    | PeopleJudged
    | Person
    | Erased
    | Exported
    | Reembedding
    | Reembedded
    | Imported
    | Looked
    | TargetAnswered
    | Metrics
    | Status
    | Health
)
