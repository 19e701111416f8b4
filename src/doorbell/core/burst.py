"""Which frames of a visit are worth looking at, in what order, and when to stop.

Looking costs a tenth of a second to seconds, so the best frame comes first and the
next one should show something new. No numpy: the hub decides this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from doorbell.core.decision import Decision
from doorbell.core.quality import exposure

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

NS_PER_MS = 1_000_000
# A head turns or a hand goes down in about this time: sooner, two frames agree in
# their mistakes.
SPREAD_NS = 400 * NS_PER_MS
# Two reports of one exposure, or cameras above 20 frames a second: nothing new.
SAME_MOMENT_NS = 50 * NS_PER_MS
# Half as good a second after the press, or before it: visitors step back or turn away.
NEAR_NS = 1000 * NS_PER_MS
# Mean grey difference that already smears a walking face at 1/30 s.
SMEAR = 20.0
# Frames that must agree on a stranger, or on somebody barely recognised.
AGREEING = 2


class Shot(Protocol):
    """What is known of a frame before it is looked at (as `messages.FrameRef`)."""

    @property
    def mono_ns(self) -> int:
        """When the sensor saw it."""
        ...

    @property
    def sharpness(self) -> float:
        """Variance of the Laplacian of the whole frame; only compared."""
        ...

    @property
    def brightness(self) -> float:
        """Mean grey level, 0..255."""
        ...

    @property
    def motion(self) -> float:
        """Mean grey difference to the frame before, 0..255."""
        ...


AnyShot = TypeVar("AnyShot", bound=Shot)


@dataclass(frozen=True, slots=True)
class Standing:
    """How firmly one face's answer stands.

    Attributes:
        clearance: how far it is from the line at which it would change; from 1 on,
            comfortably.
        looks: frames in which the face could be read.
    """

    decision: Decision
    clearance: float
    looks: int


def next_frame(
    candidates: Iterable[AnyShot],
    pressed_ns: int,
    looked_at_ns: Collection[int],
    still_allowed: int,
) -> AnyShot | None:
    """Return the frame to look at now.

    Args:
        candidates: frames at hand, in any order, those looked at included or not.
        pressed_ns: the first edge, on the clock of the frames.
        looked_at_ns: `mono_ns` of the frames this visit has already looked at.
        still_allowed: how many frames may still be looked at.

    Returns:
        None when none may be, or none at hand would show anything new: ask again when
        frames have come.
    """
    fresh = [shot for shot in candidates if _gap(shot, looked_at_ns) > SAME_MOMENT_NS]
    if still_allowed <= 0 or not fresh:
        return None
    # Among equals the earliest, so that the answer does not depend on the order given.
    return max(
        fresh,
        key=lambda shot: (
            worth(shot, pressed_ns) * _novelty(shot, looked_at_ns),
            -shot.mono_ns,
        ),
    )


def worth(shot: Shot, pressed_ns: int) -> float:
    """Return how much a frame promises by itself; only to be compared."""
    near = NEAR_NS / (NEAR_NS + abs(shot.mono_ns - pressed_ns))
    still = SMEAR / (SMEAR + shot.motion)
    # One more, so that the rest still counts where nothing was measured.
    return (1.0 + shot.sharpness) * exposure(shot.brightness) * near * still


def _gap(shot: Shot, looked_at_ns: Collection[int]) -> int:
    return min((abs(shot.mono_ns - seen) for seen in looked_at_ns), default=SPREAD_NS)


def _novelty(shot: Shot, looked_at_ns: Collection[int]) -> float:
    return min(1.0, _gap(shot, looked_at_ns) / SPREAD_NS)


def is_conclusive(standings: Sequence[Standing]) -> bool:
    """Whether more frames cannot change a visit's answer for the better.

    With no face yet, a later frame may show one; an unsure face may become sure.
    """
    return bool(standings) and all(map(_is_settled, standings))


def _is_settled(standing: Standing) -> bool:
    match standing.decision:
        case Decision.KNOWN:
            return standing.clearance >= 1 or standing.looks >= AGREEING
        case Decision.UNKNOWN:
            return standing.clearance >= 1 and standing.looks >= AGREEING
        case Decision.UNSURE | Decision.NOBODY:
            return False
