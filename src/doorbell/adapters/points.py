"""Operating points of the engines, and what the owner set instead.

Likeness is the cosine. The numbers are for a household of 20 people with three
photographs each, measured on LFW: the 1050 people whose name's SHA-256 has an even
first and second byte, 60 draws, everybody else a stranger, one photograph a visit.
`core.calibration` moves them with the size of the gallery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.core.faces import OperatingPoint

if TYPE_CHECKING:
    from config.vision import Vision

# From 0.933 on lie 1 % of strangers and 97.5 % of enrolled people, from 0.922 on 6 %
# and 99.5 %. Two photographs of one person are above 0.91 in 99 % of pairs and above
# 0.89 in 99.9 %, of two strangers above 0.89 in 5 %.
DLIB_POINT = OperatingPoint(
    known_at=0.933, unsure_at=0.922, min_margin=0.01, comfort=0.012, apart_below=0.88
)
# From 0.391 on lie 1 % of strangers and 99.8 % of enrolled people, from 0.330 on 6 %
# and 99.9 %. Two photographs of one person are above 0.33 in 99 % of pairs and above
# 0.20 in 99.9 %, of two strangers above 0.18 in 5 %.
MOBILEFACENET_POINT = OperatingPoint(
    known_at=0.391, unsure_at=0.330, min_margin=0.04, comfort=0.06, apart_below=0.20
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
