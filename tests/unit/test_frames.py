"""The lending book: nothing is written while it is read, and no slot is ever lost."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from doorbell.core.frames import (
    CAPTURE,
    LendingBook,
    Loan,
    NoSlotError,
    StaleLoanError,
    credit_for,
)


class Frame(NamedTuple):
    slot: int
    generation: int
    mono_ns: int


Book = LendingBook[Frame]


def take(book: Book, mono_ns: int) -> Frame:
    """Let capture fill the first slot it is lent."""
    loan = book.lend_to_capture()[0]
    frame = Frame(*loan, mono_ns)
    book.taken(frame)
    return frame


def filled(slots: int, preroll: int) -> tuple[Book, list[Frame]]:
    """Return a book whose pre-roll is full; capture's credit is one slot."""
    book = Book(slots, preroll, credit=1)
    return book, [take(book, n) for n in range(preroll)]


def test_preroll_is_the_newest_frames_newest_last() -> None:
    book, _ = filled(slots=5, preroll=3)
    newest = [take(book, 10 + n) for n in range(4)][-3:]
    assert book.preroll_frames() == newest


def test_book_without_preroll_keeps_nothing_unpinned() -> None:
    book = Book(slots=3, preroll=0, credit=1)
    take(book, 1)
    assert book.preroll_frames() == []
    assert book.census().held == 0


def test_capture_never_has_more_than_its_credit() -> None:
    book = Book(slots=9, preroll=3, credit=2)
    assert len(book.lend_to_capture()) == 2
    assert book.lend_to_capture() == []


def test_slots_that_only_a_visit_needs_are_not_used_without_one() -> None:
    book, _ = filled(slots=20, preroll=10)
    used = {take(book, 10 + n).slot for n in range(100)}
    assert used == set(range(11))
    assert book.unused() == list(range(11, 20))


def test_generations_of_a_slot_grow() -> None:
    book = Book(slots=1, preroll=0, credit=1)
    assert [take(book, n).generation for n in range(3)] == [1, 2, 3]


def test_frame_of_a_dead_capture_is_refused() -> None:
    book = Book(slots=2, preroll=1, credit=1)
    old = book.lend_to_capture()[0]
    book.void_loans_of(CAPTURE)
    while (loan := book.lend_to_capture()[0]).slot != old.slot:
        book.taken(Frame(*loan, 0))
    with pytest.raises(StaleLoanError):
        book.taken(Frame(*old, 1))
    book.taken(Frame(*loan, 2))


def test_same_frame_is_not_taken_twice() -> None:
    book = Book(slots=3, preroll=2, credit=1)
    frame = take(book, 1)
    with pytest.raises(StaleLoanError):
        book.taken(frame)


def test_pinned_frame_outlives_the_preroll() -> None:
    book, frames = filled(slots=5, preroll=2)
    book.pin(frames[0], "visit-1")
    for n in range(10):
        assert take(book, n).slot != frames[0].slot
    book.unpin(frames[0], "visit-1")
    assert book.census().held == 2


def test_two_pins_need_two_unpins() -> None:
    book, (frame,) = filled(slots=3, preroll=1)
    book.pin(frame, "vision")
    book.pin(frame, "vision")
    book.unpin(frame, "vision")
    take(book, 1)
    assert book.census().pinned == 1


def test_pin_of_one_owner_is_not_given_back_by_another() -> None:
    book, (frame,) = filled(slots=3, preroll=1)
    book.pin(frame, "visit-1")
    book.unpin(frame, "visit-2")
    assert book.census().pinned == 1


def test_dropped_frame_cannot_be_pinned() -> None:
    book, frames = filled(slots=3, preroll=1)
    take(book, 1)
    with pytest.raises(StaleLoanError):
        book.pin(frames[0], "visit-1")


def test_late_unpin_after_a_death_is_harmless() -> None:
    book, frames = filled(slots=3, preroll=1)
    book.pin(frames[0], "vision")
    book.void_loans_of("vision")
    book.unpin(frames[0], "vision")
    assert book.census().pinned == 0


def test_preroll_is_shortened_before_capture_starves() -> None:
    book, frames = filled(slots=3, preroll=3)
    loans = book.lend_to_capture()
    assert [loan.slot for loan in loans] == [frames[0].slot]
    assert book.preroll_frames() == frames[1:]


def test_preroll_is_not_shortened_for_a_second_loan() -> None:
    book = Book(slots=3, preroll=2, credit=2)
    for n in range(2):
        book.taken(Frame(*book.lend_to_capture()[0], n))
    assert book.census().held == 2
    book.lend_to_capture()
    assert book.census().held == 2


def test_with_everything_pinned_nothing_is_lent() -> None:
    book, frames = filled(slots=2, preroll=2)
    for frame in frames:
        book.pin(frame, "visit-1")
    assert book.lend_to_capture() == []
    with pytest.raises(NoSlotError):
        book.borrow("visit-2")


def test_picture_from_elsewhere_stays_out_of_the_preroll() -> None:
    book, frames = filled(slots=4, preroll=1)
    picture = Frame(*book.borrow("visit-1"), 0)
    book.returned(picture, "visit-1")
    assert book.preroll_frames() == frames
    book.unpin(picture, "visit-1")
    assert book.census().held == 1


def test_borrowed_slot_comes_back_only_from_its_borrower() -> None:
    book, _ = filled(slots=4, preroll=1)
    picture = Frame(*book.borrow("visit-1"), 0)
    with pytest.raises(StaleLoanError):
        book.returned(picture, "visit-2")


ROLES = ("vision", "notify")
OWNERS = (*ROLES, "visit-1", "visit-2")
SLOTS, PREROLL, CREDIT = 6, 2, 2


class Lending(RuleBasedStateMachine):
    """Any order of loans, returns, pins and deaths.

    Kills: pins ignored when the oldest frame is dropped; `void_loans_of` forgetting
    capture's loans, or a role's pins; a generation reused; `taken` without checking
    the generation; credit off by one; `unpin` of a stale frame taking a fresh
    frame's pin; a freed slot appended twice.
    """

    loans = Bundle("loans")
    frames = Bundle("frames")

    def __init__(self) -> None:
        super().__init__()
        self.book = Book(SLOTS, PREROLL, CREDIT)
        self.writable: dict[int, int] = {}
        self.pins: dict[tuple[Frame, str], int] = {}
        self.generations: dict[int, int] = dict.fromkeys(range(SLOTS), 0)
        self.now = 0

    def _lent(self, loan: Loan) -> None:
        pinned = {frame.slot for (frame, _), n in self.pins.items() if n}
        assert loan.slot not in pinned
        assert loan.slot not in self.writable
        assert loan.generation > self.generations[loan.slot]
        self.generations[loan.slot] = loan.generation
        self.writable[loan.slot] = loan.generation

    @rule(target=loans)
    def lend(self) -> object:
        lent = self.book.lend_to_capture()
        for loan in lent:
            self._lent(loan)
        assert len(self.writable) <= CREDIT
        return multiple(*lent)

    @rule(target=frames, loan=consumes(loans))
    def take(self, loan: Loan) -> object:
        self.now += 1
        frame = Frame(*loan, self.now)
        if self.writable.get(loan.slot) != loan.generation:
            with pytest.raises(StaleLoanError):
                self.book.taken(frame)
            return multiple()
        self.book.taken(frame)
        del self.writable[loan.slot]
        assert self.book.preroll_frames()[-1] == frame
        return frame

    @rule(frame=frames, owner=st.sampled_from(OWNERS))
    def pin(self, frame: Frame, owner: str) -> None:
        try:
            self.book.pin(frame, owner)
        except StaleLoanError:
            assert not any(n for (f, _), n in self.pins.items() if f == frame)
        else:
            self.pins[frame, owner] = self.pins.get((frame, owner), 0) + 1

    @rule(frame=frames, owner=st.sampled_from(OWNERS))
    def unpin(self, frame: Frame, owner: str) -> None:
        self.book.unpin(frame, owner)
        self.pins[frame, owner] = max(self.pins.get((frame, owner), 0) - 1, 0)

    @rule()
    def capture_dies(self) -> None:
        self.book.void_loans_of(CAPTURE)
        self.writable.clear()

    @rule(role=st.sampled_from(ROLES))
    def role_dies(self, role: str) -> None:
        self.book.void_loans_of(role)
        for key in self.pins:
            if key[1] == role:
                self.pins[key] = 0

    @invariant()
    def every_slot_is_somewhere(self) -> None:
        census = self.book.census()
        assert census.free + census.lent + census.held == SLOTS
        assert census.lent == len(self.writable)
        assert census.pinned == len({f for (f, _), n in self.pins.items() if n})
        assert census.held <= PREROLL + census.pinned

    def teardown(self) -> None:
        self.capture_dies()
        for owner in OWNERS:
            self.book.void_loans_of(owner)
        self.pins.clear()
        seen = {take(self.book, self.now + n).slot for n in range(2 * SLOTS)}
        self.book.void_loans_of(CAPTURE)
        assert self.book.census().free == SLOTS - PREROLL
        assert len(seen) > PREROLL


TestLending = Lending.TestCase
TestLending.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_second_slot_is_lent_only_where_frames_come_fast() -> None:
    assert [credit_for(rate) for rate in (0.5, 5.0, 10.0, 10.1, 30.0)] == [
        1,
        1,
        1,
        2,
        2,
    ]
