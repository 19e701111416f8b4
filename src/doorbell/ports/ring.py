"""Where frames lie while processes hand them over: slots in shared memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from doorbell.core.errors import DoorbellError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class StaleFrameError(DoorbellError):
    """The slot was lent to somebody else since the message was written."""


class FrameRing(Protocol):
    """Slots of equal size; who may touch which is decided by messages alone."""

    def fill(self, slot: int, generation: int, rgb: NDArray[np.uint8]) -> None:
        """Copy a frame, shape (height, width, 3), into a slot lent to us.

        Raises:
            BadInputError: it does not fit, or there is no such slot.
        """
        ...

    def view(
        self, slot: int, generation: int, width: int, height: int
    ) -> NDArray[np.uint8]:
        """Return a slot's frame as a read-only view, shape (height, width, 3).

        Raises:
            StaleFrameError: the slot holds another generation.
            BadInputError: there is no such slot, or the shape does not fit.
        """
        ...
