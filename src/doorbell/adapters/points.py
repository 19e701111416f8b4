"""Operating points of the engines, and what the owner set instead.

Provisional, until `doorbell evaluate` derives them from the gallery's size; measured on
the people of LFW whose name's SHA-256 has an even first and second byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.core.faces import OperatingPoint

if TYPE_CHECKING:
    from config.sections import Vision

DLIB_POINT = OperatingPoint(
    known_at=0.94, unsure_at=0.92, min_margin=0.01, comfort=0.01, apart_below=0.86
)
MOBILEFACENET_POINT = OperatingPoint(
    known_at=0.50, unsure_at=0.42, min_margin=0.05, comfort=0.06, apart_below=0.25
)


def as_set(own: OperatingPoint, vision: Vision) -> OperatingPoint:
    """Return the engine's point with the thresholds that the owner set."""
    return OperatingPoint(
        known_at=own.known_at if vision.known_at is None else vision.known_at,
        unsure_at=own.unsure_at if vision.unsure_at is None else vision.unsure_at,
        min_margin=own.min_margin,
        comfort=own.comfort,
        apart_below=own.apart_below,
    )
