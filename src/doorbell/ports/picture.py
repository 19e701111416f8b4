"""What a drawer of notification pictures is to the notify stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.core.decision import Box, Decision


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """A face to frame.

    Attributes:
        box: in pixels of the upright picture; may reach over its edge.
        label: one line, already cleaned.
    """

    box: Box
    label: str
    decision: Decision


class PictureRenderer(Protocol):
    """Turns the visit's picture into the one that is sent."""

    def render(self, jpeg: bytes, faces: Sequence[FaceFrame], limit: int) -> bytes:
        """Return a JPEG of at most `limit` bytes, faces framed, without metadata.

        Raises:
            BadInputError: it is damaged, no JPEG, or too large to open safely.
        """
        ...

    def sample(self) -> bytes:
        """Return a generated picture for a test push, recognisable as such."""
        ...
