"""The calibrations of the engines we know, as derived.

Derived on LFW (University of Massachusetts), on the people whose name's SHA-256 has an
even second byte, by

    doorbell evaluate calibrate lfw --engine NAME

which prints the lines below, and what they come to for the other people; the figures
are in docs/explanation/operating-points.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from doorbell.core.calibration import Calibration, Household, Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

# One network behind two detectors: `dlib` was derived with `dlib-onnx`.
_DLIB = Calibration(
    curve=(-1129.115, 2571.598, -1467.868),
    per_person=0.8792,
    per_photo=1.7440,
    lowest=0.8943,
    highest=0.9495,
)
CALIBRATIONS: dict[str, Calibration] = {
    "dlib": _DLIB,
    "dlib-onnx": _DLIB,
    "mobilefacenet": Calibration(
        curve=(-0.8434964, -5.270511, -34.67642),
        per_person=0.9463,
        per_photo=0.4812,
        lowest=0.0959,
        highest=0.4656,
    ),
}


def lines_for(
    engine: str, owners: Sequence[str], strangers_named: float
) -> Lines | None:
    """Return where an engine draws its lines for a gallery.

    Args:
        engine: its name.
        owners: of each enrolled photograph, whose it is.
        strangers_named: the share of strangers' visits that may be named.

    Returns:
        None for an engine that was never calibrated: its own point holds.
    """
    calibration = CALIBRATIONS.get(engine)
    if calibration is None:
        return None
    return calibration.lines(strangers_named, Household.of(owners))


def overridden(lines: Lines, known_at: float | None, unsure_at: float | None) -> Lines:
    """Return the lines with those that the owner set; one set alone moves the other."""
    if known_at is not None:
        unsure = min(lines.unsure_at, known_at)
        lines = replace(lines, known_at=known_at, unsure_at=unsure)
    if unsure_at is not None:
        known = max(lines.known_at, unsure_at)
        lines = replace(lines, known_at=known, unsure_at=unsure_at)
    return lines
