"""What a command asks the hub over the control socket.

One connection carries one request at a time; the answer is a stream of `replies` that
ends with `Done` or `Failed`. Pictures travel as descriptors: the caller opens the
file, so that the daemon never reads with more rights than the caller has.
"""

from __future__ import annotations

from msgspec import Struct


class Request(Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True):
    """Base of what a command asks."""


class PressRequest(Request, frozen=True):
    """Ring the bell.

    Descriptors: pictures to be used in place of the camera's frames, up to 16.

    Attributes:
        wait: stay until the visit is decided and its first push was answered.
    """

    wait: bool = True


class EnrolBegin(Request, frozen=True):
    """Begin to enrol; photographs follow, then `EnrolCommit`.

    Attributes:
        more: add to the person of that name instead of refusing the name.
    """

    name: str
    consent: str
    more: bool = False


class EnrolPhoto(Request, frozen=True):
    """One photograph; descriptor: the opened file. Answered by `PhotoJudged`."""

    label: str


class EnrolVisit(Request, frozen=True):
    """Use the picture of a visit as photograph; `face` counts from 1."""

    visit: str
    face: int | None = None


class EnrolCamera(Request, frozen=True):
    """Use what the camera sees now as photograph."""


class EnrolCommit(Request, frozen=True):
    """Store the person; answered by `Enrolled`."""


class ListPeople(Request, frozen=True):
    """Answered by `People`."""


class ShowPerson(Request, frozen=True):
    """Answered by `Person`; `who` is a name or an id."""

    who: str


class JudgePeople(Request, frozen=True):
    """How well does the gallery separate its people? Answered by `PeopleJudged`."""


class RenamePerson(Request, frozen=True):
    """Answered by `Done`."""

    who: str
    name: str


class ErasePerson(Request, frozen=True):
    """Answered by `Erased`."""

    who: str


class ExportPerson(Request, frozen=True):
    """Answered by one `Exported` a file (descriptor: its bytes)."""

    who: str


class ReembedPeople(Request, frozen=True):
    """Compute every embedding anew with the engine in use.

    Answered by one `Reembedding` a photograph, then `Reembedded`.
    """


class ImportEncodings(Request, frozen=True):
    """Enrol a person from encodings of `face_recognition`; answered by `Imported`.

    Descriptor: 128 float32 each, little endian, one encoding after the other.
    """

    name: str
    consent: str
    more: bool = False


class ListVisits(Request, frozen=True):
    """Answered by `Visits`, newest first."""

    limit: int = 20
    before: str | None = None


class ShowVisit(Request, frozen=True):
    """Answered by `Visit` (descriptor: the picture, if it has one)."""

    visit: str


class LabelVisit(Request, frozen=True):
    """Say who a face really was; `who` empty for nobody enrolled; faces from 1."""

    visit: str
    face: int
    who: str


class LookRequest(Request, frozen=True):
    """What the camera sees; answered by `Looked` (descriptor: JPEG, faces framed)."""


class TestTargets(Request, frozen=True):
    """Send a marked push; answered by one `TargetAnswered` a target."""

    __test__ = False  # pytest would take the name for a test case

    target: str | None = None


class ShowMetrics(Request, frozen=True):
    """Answered by `Metrics` (descriptor: every series and the status, as JSON)."""


class RingSelfTest(Request, frozen=True):
    """Ring without sound, for nobody, leaving no visit; answered by `Visit`.

    Descriptors: as of `PressRequest`.
    """


class ShowHealth(Request, frozen=True):
    """Answered by `Health`."""


class ShowStatus(Request, frozen=True):
    """Answered by `Status`."""


AnyRequest = (
    PressRequest
    | EnrolBegin
    | EnrolPhoto
    | EnrolVisit
    | EnrolCamera
    | EnrolCommit
    | ListPeople
    | ShowPerson
    | JudgePeople
    | RenamePerson
    | ErasePerson
    | ExportPerson
    | ReembedPeople
    | ImportEncodings
    | ListVisits
    | ShowVisit
    | LabelVisit
    | LookRequest
    | TestTargets
    | ShowStatus
    | ShowHealth
    | RingSelfTest
    | ShowMetrics
)
