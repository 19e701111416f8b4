"""Between rows of `state.db` and the values of the ports."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from doorbell.core.decision import Decision, FaceVerdict
from doorbell.core.errors import StorageError
from doorbell.core.ring import Ring
from doorbell.core.stamp import Stamp
from doorbell.ports.store import Attempt, OutboxItem, VisitRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

# The four columns of a stamp, in the order of `stamp_values`.
STAMP = "boot_id, mono_ns, wall_ns, synced"

_STEPS = msgspec.json.Decoder(dict[str, int])


class SealedFaces(msgspec.Struct, frozen=True):
    """What is encrypted of a visit.

    Attributes:
        verdicts: its faces.
        labels: who they really were.
    """

    verdicts: list[FaceVerdict] = []
    labels: dict[int, str] = {}


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Tell what cannot be decoded inside as damage to `what`."""
    try:
        yield
    except (msgspec.DecodeError, ValueError) as error:
        if isinstance(error, StorageError):
            raise
        msg = f"{what} is damaged, or of a newer release: {error}"
        raise StorageError(msg, hint="Restore the last backup.") from error


def stamp_values(stamp: Stamp) -> tuple[str, int, int, bool]:
    """Return a stamp as column values."""
    return stamp.boot_id, stamp.mono_ns, stamp.wall_ns, stamp.synced


def stamp_of(row: sqlite3.Row) -> Stamp:
    """Read a stamp back."""
    return Stamp(
        boot_id=row["boot_id"],
        mono_ns=row["mono_ns"],
        wall_ns=row["wall_ns"],
        synced=bool(row["synced"]),
    )


def steps_text(steps: dict[str, int]) -> str:
    """Return a visit's steps as stored."""
    return msgspec.json.encode(steps).decode()


def steps_of(row: sqlite3.Row) -> dict[str, int]:
    """Read a visit's steps back."""
    with readable("the steps of a visit"):
        return _STEPS.decode(row["steps"])


def visit_of(row: sqlite3.Row, faces: SealedFaces) -> VisitRecord:
    """Read a visit back, its faces opened by the caller."""
    ring = Ring(
        seq=row["ring_seq"],
        id=row["id"],
        source=row["ring_source"],
        stamp=stamp_of(row),
        durable=bool(row["durable"]),
    )
    decision = row["decision"]
    with readable(f"the decision of visit {row['id']}"):
        decided = None if decision is None else Decision(decision)
    return VisitRecord(
        id=row["id"],
        ring=ring,
        rings=row["rings"],
        state=row["state"],
        steps=steps_of(row),
        decision=decided,
        reason=row["reason"],
        faces=faces.verdicts,
        labels=faces.labels,
        has_picture=row["picture_key"] is not None,
        synthetic=bool(row["synthetic"]),
    )


def gap_of(row: sqlite3.Row) -> Ring:
    """Read a ring that was not durable back."""
    return Ring(
        seq=row["ring_seq"],
        id=row["ring_id"],
        source=row["ring_source"],
        stamp=stamp_of(row),
        durable=False,
    )


def item_of(row: sqlite3.Row) -> OutboxItem:
    """Read an item of the outbox back."""
    return OutboxItem(
        id=row["id"],
        visit_id=row["visit_id"],
        kind=row["kind"],
        target=row["target"],
        created=stamp_of(row),
        attempts=row["attempts"],
        state=row["state"],
        last_error=row["last_error"],
        late=bool(row["late"]),
    )


def attempt_of(row: sqlite3.Row) -> Attempt:
    """Read an attempt back, joined with its item."""
    return Attempt(
        item_id=row["item_id"],
        target=row["target"],
        kind=row["kind"],
        stamp=stamp_of(row),
        outcome=row["outcome"],
        error=row["error"],
    )
