"""What durable state is to the hub: visits, people and the outbox.

All calls are synchronous and come from one thread, the hub's store thread, so that a
slow card never stalls routing. Each call is one transaction: done for good when it
returns, or not at all when it raises `StorageError`. After `DiskFullError` the caller
may `make_room` and try once more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from doorbell.core.decision import Decision, FaceVerdict
    from doorbell.core.ring import Ring
    from doorbell.core.stamp import Stamp

VisitState = Literal["rung", "captured", "decided", "told", "degraded"]
OutboxState = Literal["pending", "sent", "dead"]
OutboxKind = Literal["ring", "name", "visit"]


@dataclass(frozen=True, slots=True)
class VisitRecord:
    """One visit as stored.

    Attributes:
        id: 32 hexadecimal digits, the id of its first ring.
        ring: the first ring.
        rings: presses counted.
        state: where it is in its life.
        steps: CLOCK_MONOTONIC nanoseconds of each step reached, by its name ("edge",
            "rung", "captured", "decided", "told", …), of the boot `ring.stamp.boot_id`
            unless the step was taken up after a restart.
        decision: None until decided.
        reason: why it is degraded, or empty.
        faces: verdicts in the order told; boxes in the stored picture's pixels.
        labels: per face index, who it really was: a person id, "" for nobody enrolled.
        has_picture: whether `picture` would return one.
        synthetic: a self-test.
    """

    id: str
    ring: Ring
    rings: int
    state: VisitState
    steps: dict[str, int]
    decision: Decision | None = None
    reason: str = ""
    faces: list[FaceVerdict] = field(default_factory=list)
    labels: dict[int, str] = field(default_factory=dict)
    has_picture: bool = False
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One notification to one target.

    Attributes:
        id: row id; 0 before it is stored.
        visit_id: whose.
        kind: `ring` and its update `name` for targets that replace, else `visit`.
        target: name of the target.
        created: when it was put in.
        attempts: made so far.
        state: `dead` after expiry or refusal.
        last_error: of the last attempt, without secrets.
        late: it is told long after the ring.
    """

    visit_id: str
    kind: OutboxKind
    target: str
    created: Stamp
    id: int = 0
    attempts: int = 0
    state: OutboxState = "pending"
    last_error: str = ""
    late: bool = False

    @property
    def key(self) -> str:
        """Idempotency key: a second send with it replaces the first."""
        return f"{self.visit_id}-{self.kind}"


@dataclass(frozen=True, slots=True)
class EnrolledPhoto:
    """One enrolment photograph and what was computed from it.

    Attributes:
        jpeg: the photograph, re-encoded by us; empty when only the embedding was
            imported.
        embedding: float32 little endian.
        space: embedding space of that embedding.
        id: of the stored photograph; empty before it is stored.
    """

    jpeg: bytes
    embedding: bytes
    space: str
    id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class NewEmbedding:
    """What another engine computed from a stored photograph."""

    photo_id: str
    embedding: bytes
    space: str


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """An enrolled person, opened.

    Attributes:
        reference: what records call this person; keyed with a key of their own, so
            that nobody can tell whose it was once they are erased.
    """

    id: str
    name: str
    consent: str
    enrolled: Stamp
    photos: int
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to tell one target, as recorded.

    Attributes:
        outcome: where the try left the item; `pending` means it is tried again.
        error: why it failed, without secrets; empty when it did not.
    """

    item_id: int
    target: str
    kind: OutboxKind
    stamp: Stamp
    outcome: OutboxState
    error: str


@dataclass(frozen=True, slots=True)
class Tombstone:
    """That somebody was erased, without saying who.

    Attributes:
        digest: keyed hash of the person id; tells nothing without the master key.
        stamp: when.
    """

    digest: bytes
    stamp: Stamp


class VisitStore(Protocol):
    """Visits and their pictures."""

    def cursor(self) -> int:
        """Sequence number of the last ring taken from the journal; 0 at first."""
        ...

    def open_visit(
        self, visit: VisitRecord, outbox: Sequence[OutboxItem], cursor: int
    ) -> None:
        """Store a new visit, what is to be told at once, and move the cursor.

        A visit that is already stored stays as it is: a ring may be read from the
        journal twice. The same holds for an item of the same visit, kind and target.
        A cursor of 0 leaves it where it is: an undurable ring is not in the journal.
        """
        ...

    def join_visit(self, visit_id: str, rings: int, cursor: int) -> None:
        """Set a visit's count of presses and move the cursor, unless it is 0.

        Raises:
            StorageError: the visit is not stored; the cursor stays, or its first
                ring would be lost with the next crash.
        """
        ...

    def close_visit(self, visit: VisitRecord, outbox: Sequence[OutboxItem]) -> None:
        """Store what a visit came to (state, steps, decision, faces, reason).

        With it goes what is now to be told. Replaces the row, but for labels and
        picture; inserts it if its opening could not be stored.
        """
        ...

    def save_picture(self, visit_id: str, jpeg: bytes) -> None:
        """Keep the picture of a visit, encrypted, replacing an earlier one.

        Raises:
            StorageError: the visit is not stored, or the picture cannot be.
        """
        ...

    def picture(self, visit_id: str) -> bytes | None:
        """Open the picture of a visit; None if there is none.

        Raises:
            StorageError: it is there but damaged.
        """
        ...

    def visit(self, visit_id: str) -> VisitRecord | None:
        """One visit; a unique prefix of at least 4 digits of its id will do.

        Raises:
            BadInputError: the prefix is too short, no hexadecimal, or fits several.
        """
        ...

    def visits(self, limit: int, before: str | None = None) -> list[VisitRecord]:
        """The newest visits, newest first, without synthetic ones.

        Args:
            limit: at most this many.
            before: only those older than this visit (its whole id).
        """
        ...

    def visits_of(self, person_id: str) -> tuple[int, Stamp | None]:
        """How many visits are taken or labelled for this person, and the last one."""
        ...

    def unfinished(self) -> list[VisitRecord]:
        """Visits a crash left without decision and not degraded, oldest first."""
        ...

    def label(self, visit_id: str, face: int, person_id: str) -> None:
        """Record who a face really was; "" for nobody enrolled.

        Raises:
            BadInputError: no such visit, face or person.
        """
        ...

    def prune(self, now: Stamp) -> int:
        """Delete by age and size, pictures first; returns how many rows went.

        Also clears away what crashes left, and rebuilds the reserve when there is
        room: call it now and then, and after `make_room`.
        """
        ...

    def make_room(self) -> bool:
        """Give up the reserve, then the oldest pictures; False if nothing was left."""
        ...

    def try_write(self) -> None:
        """Find out whether a write would succeed, without wearing the card.

        Raises:
            StorageError: it would not.
        """
        ...

    def record_gap(self, rings: Sequence[Ring], cursor: int = 0) -> None:
        """Record rings that could not be made durable when they happened.

        Moves the cursor with them, unless it is 0.
        """
        ...

    def gaps(self) -> list[Ring]:
        """All rings recorded so, oldest record first."""
        ...


class Outbox(Protocol):
    """Notifications that are not yet told."""

    def pending(self) -> list[OutboxItem]:
        """All that still wait, oldest first."""
        ...

    def record_attempt(
        self,
        item_ids: Sequence[int],
        state: OutboxState,
        error: str,
        stamp: Stamp,
    ) -> None:
        """Record one attempt for these items and where it leaves them.

        When the last pending item of a decided or degraded visit is sent or dead,
        the visit is told, if at least one was sent. Sent is final: a later word
        on the same item is kept as an attempt only.
        """
        ...

    def dead(self, limit: int) -> list[OutboxItem]:
        """The newest items that were given up, newest first."""
        ...

    def told(self, visit_id: str) -> dict[str, OutboxState]:
        """How each target stands that is to hear of a visit, by its latest item."""
        ...

    def attempts(self, visit_id: str) -> list[Attempt]:
        """Every attempt made for a visit, oldest first."""
        ...


class PeopleStore(Protocol):
    """Who is enrolled, under a key each."""

    def people(self) -> list[PersonRecord]:
        """All, by name."""
        ...

    def enrol(
        self,
        name: str,
        consent: str,
        photos: Sequence[EnrolledPhoto],
        stamp: Stamp,
        person_id: str | None = None,
    ) -> PersonRecord:
        """Add a person, or photographs to the person `person_id`.

        Args:
            name: 1 to 80 printable characters; with `person_id` it may be empty.
            consent: who consented and how; with `person_id` empty for "as before".
            photos: at least one.
            stamp: when.
            person_id: of somebody enrolled; None for somebody new.

        Raises:
            BadInputError: the name is taken by somebody else or cannot be one, the
                person does not exist, or the embeddings do not fit each other.
        """
        ...

    def rename(self, person_id: str, name: str) -> None:
        """Change a name; BadInputError as in `enrol`."""
        ...

    def erase(self, person_id: str, stamp: Stamp) -> int:
        """Erase for good; returns how many visit pictures went with the person.

        Raises:
            BadInputError: nobody has this id.
        """
        ...

    def tombstones(self) -> list[Tombstone]:
        """That people were erased, for a restored backup to honour."""
        ...

    def honour_tombstones(self, tombstones: Sequence[Tombstone]) -> int:
        """Erase whom these name and keep them; returns how many people went."""
        ...

    def photos(self, person_id: str) -> Iterator[EnrolledPhoto]:
        """Open a person's enrolment photographs, one at a time."""
        ...

    def replace_embeddings(self, changes: Sequence[NewEmbedding]) -> int:
        """Replace the embeddings of these photographs, all or none.

        A photograph that was erased meanwhile is passed over.

        Returns:
            How many were replaced.

        Raises:
            BadInputError: embeddings of one space would differ in length.
        """
        ...

    def gallery(self, space: str) -> tuple[list[str], bytes]:
        """Person id of each row and the rows, float32, of one embedding space."""
        ...


class Store(VisitStore, Outbox, PeopleStore, Protocol):
    """All of it, as the hub holds it."""

    def close(self) -> None:
        """End the use of it; in the thread that opened it."""
        ...
