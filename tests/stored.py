"""What tests of the state store in it."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from doorbell.adapters.store_sqlite import Store, StoreOptions
from doorbell.core.decision import Box, Decision, FaceVerdict
from doorbell.core.retention import RetentionLimits
from doorbell.core.ring import Ring
from doorbell.core.stamp import NS_PER_S, Stamp
from doorbell.ports.store import EnrolledPhoto, OutboxItem, VisitRecord

if TYPE_CHECKING:
    from pathlib import Path

    from doorbell.ports.store import OutboxKind

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8
LIMITS = RetentionLimits(visit_s=1000.0, picture_s=100.0, picture_bytes=1 << 20)
STAMP = Stamp("b" * 32, 10, 20, synced=True)
VISIT = VisitRecord("ab" * 16, Ring(1, "ab" * 16, "gpio", STAMP), 1, "rung", {})
ITEM = OutboxItem(VISIT.id, "visit", "phone", STAMP)
SMALL = StoreOptions(reserve_bytes=1 << 16, busy_s=0.05)


def at(mono_s: float, boot: str = "b" * 32) -> Stamp:
    return Stamp(boot, int(mono_s * NS_PER_S), int(mono_s * NS_PER_S), synced=False)


def visit(
    number: int = 1, mono_s: float = 10.0, *, synthetic: bool = False
) -> VisitRecord:
    visit_id = f"{number:08x}" + "0" * 24
    ring = Ring(number, visit_id, "gpio", at(mono_s))
    fresh = VisitRecord(visit_id, ring, 1, "rung", {"rung": ring.stamp.mono_ns})
    return replace(fresh, synthetic=synthetic)


def item(
    of: VisitRecord, target: str = "phone", kind: OutboxKind = "visit"
) -> OutboxItem:
    return OutboxItem(of.id, kind, target, of.ring.stamp)


def face(person_id: str | None, decision: Decision = Decision.KNOWN) -> FaceVerdict:
    return FaceVerdict(decision, person_id, 0.61, 0.2, Box(1, 2, 3, 4), "dark")


def photo(value: float = 1.0, dimensions: int = 4, space: str = "s") -> EnrolledPhoto:
    return EnrolledPhoto(JPEG, struct.pack("<f", value) * dimensions, space)


def decided(of: VisitRecord, *faces: FaceVerdict) -> VisitRecord:
    decision = faces[0].decision if faces else Decision.NOBODY
    steps = of.steps | {"decided": 11}
    return replace(
        of, state="decided", decision=decision, faces=list(faces), steps=steps
    )


def opened(folder: Path) -> Store:
    return Store.open(folder, SMALL)
