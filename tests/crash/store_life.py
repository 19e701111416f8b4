"""One life of a state directory, each step reported on standard output when done.

Run by `test_store_crash`. A step that fails with StorageError is done again, once, as
the hub does.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from doorbell.adapters.store_sqlite import Store, StoreOptions
from doorbell.core.decision import Box, Decision, FaceVerdict
from doorbell.core.errors import BadInputError, StorageError
from doorbell.core.ring import Ring
from doorbell.core.stamp import Stamp
from doorbell.ports.store import EnrolledPhoto, OutboxItem, VisitRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from doorbell.ports.store import OutboxKind

T = TypeVar("T")

STAMP = Stamp("b" * 32, 10, 20, synced=True)
VISIT = VisitRecord("ab" * 16, Ring(1, "ab" * 16, "gpio", STAMP), 1, "rung", {})
PHOTO = EnrolledPhoto(b"jpeg" * 9, bytes(16), "s")


def main(folder: Path) -> None:
    """Lead it."""
    store = step("open", lambda: open_store(folder))
    step("enrol", lambda: enrol(store))
    step("visit", lambda: store.open_visit(VISIT, [item("ring")], 1))
    step("picture", lambda: store.save_picture(VISIT.id, b"picture" * 999))
    step("close", lambda: store.close_visit(decided(store), [item("name")]))
    step("told", lambda: tell(store))
    step("erase", lambda: erase(store))
    step("prune", lambda: store.prune(STAMP))
    store.close()


def step(name: str, work: Callable[[], T]) -> T:
    """Do one step, twice if the first fails, and report it."""
    try:
        result = work()
    except StorageError:
        result = work()
    os.write(1, f"{name}\n".encode())
    return result


def open_store(folder: Path) -> Store:
    """Open it with a small reserve."""
    return Store.open(folder, StoreOptions(reserve_bytes=1 << 16))


def enrol(store: Store) -> None:
    """Enrol somebody, unless a failed try did so after all."""
    try:
        store.enrol("Canary", "on paper", [PHOTO], STAMP)
    except BadInputError:
        if not store.people():
            raise


def decided(store: Store) -> VisitRecord:
    """The visit, taken for the person."""
    (person,) = store.people()
    face = FaceVerdict(Decision.KNOWN, person.id, 0.6, None, Box(1, 2, 3, 4))
    return replace(VISIT, state="decided", decision=Decision.KNOWN, faces=[face])


def tell(store: Store) -> None:
    """Both notifications were sent."""
    store.record_attempt([i.id for i in store.pending()], "sent", "", STAMP)


def erase(store: Store) -> None:
    """Erase everybody."""
    for person in store.people():
        store.erase(person.id, STAMP)


def item(kind: OutboxKind) -> OutboxItem:
    """A notification of the visit."""
    return OutboxItem(VISIT.id, kind, f"phone-{kind}", STAMP)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
