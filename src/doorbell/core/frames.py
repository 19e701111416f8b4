"""The frame ring's lending book: which slot may be written, read or dropped, by whom.

Pure and without numpy: the supervisor's hub keeps the book, workers only hear what
they were lent. A slot is in one of three places: free, lent to capture (who alone may
write it), or holding a frame (which nobody may write). Frames are kept while they
belong to the pre-roll or somebody has pinned them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from doorbell.core.errors import DoorbellError

if TYPE_CHECKING:
    from collections.abc import Iterator

CAPTURE = "capture"

# One slot being filled and one waiting, so that no frame waits for a message.
CAPTURE_CREDIT = 2
# Up to this rate a message has 0.1 s to bring the next slot, some hundred times what it
# takes, and one slot less is one frame less of memory.
UNHURRIED_FPS = 10.0


def credit_for(rate_fps: float) -> int:
    """Return how many slots capture has at a time."""
    return 1 if rate_fps <= UNHURRIED_FPS else CAPTURE_CREDIT


class StaleLoanError(DoorbellError):
    """A message names a loan that ended: its sender died or is behind."""


class NoSlotError(DoorbellError):
    """Every slot is being written or pinned."""

    hint = "Try again once the open visits are decided."


class LentFrame(Protocol):
    """What the book needs to know of a frame."""

    @property
    def slot(self) -> int:
        """Place in the ring."""

    @property
    def generation(self) -> int:
        """Number of the loan under which it was written."""

    @property
    def mono_ns(self) -> int:
        """CLOCK_MONOTONIC when the sensor saw it."""


FrameT = TypeVar("FrameT", bound=LentFrame)


class Loan(NamedTuple):
    """A slot that capture may write once."""

    slot: int
    generation: int


@dataclass(frozen=True, slots=True)
class Census:
    """Where the slots are; `free + lent + held` is always their number."""

    free: int
    lent: int
    held: int
    pinned: int


@dataclass(slots=True)
class _Held(Generic[FrameT]):
    frame: FrameT
    pins: Counter[str]
    is_from_camera: bool


class LendingBook(Generic[FrameT]):
    """The hub's record of every slot of the frame ring."""

    def __init__(self, slots: int, preroll: int, credit: int = CAPTURE_CREDIT) -> None:
        """Begin with every slot free.

        Args:
            slots: slots of the ring; more than `preroll + credit`, or pinned frames
                will shorten the pre-roll.
            preroll: how many of the newest frames are kept without being pinned.
            credit: most slots that capture has at a time.
        """
        self._preroll = preroll
        self._credit = credit
        self._free = list(range(slots))
        self._generations = [0] * slots
        self._lent: dict[int, int] = {}
        # Written by others than capture: generation and owner by slot.
        self._borrowed: dict[int, tuple[int, str]] = {}
        # By slot; the order is the order of arrival, oldest first.
        self._held: dict[int, _Held[FrameT]] = {}

    def lend_to_capture(self) -> list[Loan]:
        """Lend as many slots as capture's credit allows; may be none.

        Only when capture would otherwise have nothing to write into is the pre-roll
        shortened, by its oldest frame that nobody has pinned.
        """
        loans = []
        while len(self._lent) < self._credit and self._has_slot():
            loan = self._next_loan()
            self._lent[loan.slot] = loan.generation
            loans.append(loan)
        return loans

    def borrow(self, owner: str) -> Loan:
        """Lend one slot to somebody who is not capture, for a picture from elsewhere.

        Raises:
            NoSlotError: nothing is free, and no frame could be dropped.
        """
        if not self._free:
            self._drop_oldest()
        if not self._free:
            msg = "no slot of the frame ring is free"
            raise NoSlotError(msg)
        loan = self._next_loan()
        self._borrowed[loan.slot] = (loan.generation, owner)
        return loan

    def _next_loan(self) -> Loan:
        # The lowest: slots that are never used take no memory.
        slot = min(self._free)
        self._free.remove(slot)
        self._generations[slot] += 1
        return Loan(slot, self._generations[slot])

    def _has_slot(self) -> bool:
        if not self._free and not self._lent:
            self._drop_oldest()
        return bool(self._free)

    def _drop_oldest(self) -> None:
        for slot, held in self._held.items():
            if not held.pins:
                self._release(slot)
                return

    def taken(self, frame: FrameT) -> None:
        """Receive a filled slot from capture; the frame joins the pre-roll.

        Raises:
            StaleLoanError: capture was not lent this slot in this generation.
        """
        if self._lent.get(frame.slot) != frame.generation:
            msg = f"slot {frame.slot} is not lent in generation {frame.generation}"
            raise StaleLoanError(msg)
        del self._lent[frame.slot]
        self._held[frame.slot] = _Held(frame, Counter(), is_from_camera=True)
        self._forget_old()

    def returned(self, frame: FrameT, owner: str) -> None:
        """Receive a slot given by `borrow`; pinned for `owner`, never in the pre-roll.

        Raises:
            StaleLoanError: `owner` did not borrow this slot in this generation.
        """
        if self._borrowed.get(frame.slot) != (frame.generation, owner):
            msg = f"slot {frame.slot} is not borrowed in generation {frame.generation}"
            raise StaleLoanError(msg)
        del self._borrowed[frame.slot]
        self._held[frame.slot] = _Held(frame, Counter([owner]), is_from_camera=False)

    def pin(self, frame: FrameT, owner: str) -> None:
        """Keep a frame from being dropped; as many pins need as many `unpin`.

        Args:
            frame: one that came by `taken`.
            owner: a visit's id, or the role it is lent to.

        Raises:
            StaleLoanError: the frame was dropped before.
        """
        held = self._find(frame)
        if held is None:
            msg = f"slot {frame.slot} has left generation {frame.generation} behind"
            raise StaleLoanError(msg)
        held.pins[owner] += 1

    def unpin(self, frame: FrameT, owner: str) -> None:
        """Give a pin back; nothing happens if a death has voided it already."""
        held = self._find(frame)
        if held is None or not held.pins[owner]:
            return
        held.pins[owner] -= 1
        held.pins += Counter()
        self._forget_old()

    def void_loans_of(self, role: str) -> None:
        """Take back everything a role had: its process is dead."""
        if role == CAPTURE:
            self._free.extend(self._lent)
            self._lent.clear()
        for slot, (_, owner) in list(self._borrowed.items()):
            if owner == role:
                del self._borrowed[slot]
                self._free.append(slot)
        for held in self._held.values():
            del held.pins[role]
        self._forget_old()

    def preroll_frames(self) -> list[FrameT]:
        """Return the newest frames, newest last, pinned or not."""
        return [self._held[slot].frame for slot in self._window()]

    def unused(self) -> list[int]:
        """Return the free slots that will not be lent next."""
        return sorted(self._free)[1:]

    def census(self) -> Census:
        """Count the slots by where they are."""
        return Census(
            free=len(self._free),
            lent=len(self._lent) + len(self._borrowed),
            held=len(self._held),
            pinned=sum(1 for held in self._held.values() if held.pins),
        )

    def _find(self, frame: FrameT) -> _Held[FrameT] | None:
        held = self._held.get(frame.slot)
        if held is None or held.frame.generation != frame.generation:
            return None
        return held

    def _window(self) -> list[int]:
        taken = [slot for slot, held in self._held.items() if held.is_from_camera]
        return taken[max(len(taken) - self._preroll, 0) :]

    def _forget_old(self) -> None:
        for slot in list(self._forgettable()):
            self._release(slot)

    def _forgettable(self) -> Iterator[int]:
        window = set(self._window())
        for slot, held in self._held.items():
            if slot not in window and not held.pins:
                yield slot

    def _release(self, slot: int) -> None:
        del self._held[slot]
        self._free.append(slot)
