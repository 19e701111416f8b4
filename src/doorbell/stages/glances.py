"""What vision saw before anybody rang: in memory only, forgotten within seconds.

A ring may claim a face only if it still stands where it was in the frame nearest the
press. A passer-by must not lend a stranger her name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from doorbell.core.continuity import Patch, find, patch_of
from doorbell.core.stamp import NS_PER_S

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from doorbell.core.tracks import Evidence, Sighting

# On a still porch the next glance may be 5 s away; whoever stands still is in the
# picture all that time, and is looked for in it before her name is used.
FORGET_NS = 6 * NS_PER_S


class Glances:
    """The faces of the last glance, where they are by now, and what they look like."""

    def __init__(self) -> None:
        self._at_ns = 0
        self._faces: list[tuple[Patch, Sighting]] = []
        self._count = 0

    def saw(self, evidence: Evidence, mono_ns: int, rgb: NDArray[np.uint8]) -> None:
        """Take the newest frame; faces that left it are forgotten at once.

        Args:
            evidence: of all glances, this frame included; old ones are dropped.
            mono_ns: of this frame.
            rgb: this frame.
        """
        evidence.forget_before(mono_ns - FORGET_NS)
        latest = evidence.latest()
        self._at_ns, self._count = mono_ns, len(latest)
        self._faces = []
        for box, summary in latest:
            patch = patch_of(rgb, box)
            if patch is not None:
                self._faces.append((patch, summary))

    def follow(self, rgb: NDArray[np.uint8]) -> None:
        """See where the faces are in a newer frame, and what they look like there.

        From one frame to the next a face changes little, over seconds much. One that
        is not found stays as it was: it may be found again.
        """
        self._faces = [self._followed(patch, seen, rgb) for patch, seen in self._faces]

    @staticmethod
    def _followed(
        patch: Patch, seen: Sighting, rgb: NDArray[np.uint8]
    ) -> tuple[Patch, Sighting]:
        box = find(patch, rgb)
        newer = patch_of(rgb, box) if box is not None else None
        return (patch if newer is None else newer, seen)

    def claim(self, mono_ns: int, rgb: NDArray[np.uint8]) -> list[Sighting]:
        """Return the faces that still stand there; none unless all of them do.

        Args:
            mono_ns: of the frame nearest the press.
            rgb: that frame.
        """
        # From when they were last recognised, however well they were followed.
        age_ns = mono_ns - self._at_ns
        if not self._faces or len(self._faces) < self._count or age_ns > FORGET_NS:
            return []
        found = [(find(patch, rgb), seen) for patch, seen in self._faces]
        return (
            [replace(seen, box=box) for box, seen in found if box is not None]
            if all(box is not None for box, _ in found)
            else []
        )
