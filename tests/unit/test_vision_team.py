"""Several vision workers: a visit stays with one, and one worker has one frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from doorbell.core.decision import Decision
from doorbell.runtime.vision_team import VisionTeam, kind_of, vision_roles
from doorbell.stages.messages import FrameRef
from doorbell.stages.vision_messages import ForgetVisit, Look, Seen

if TYPE_CHECKING:
    from collections.abc import Sequence

FRAME = FrameRef(0, 1, 640, 480, 1)
ROLES = ("button", *vision_roles(3), "web")


class Office:
    """Workers that note what they were sent."""

    def __init__(self) -> None:
        self.up = set(ROLES)
        self.lost: set[str] = set()
        self.sent: list[tuple[str, object]] = []
        self.team = VisionTeam(
            ROLES, self.send, self.up.__contains__, self.lost.__contains__
        )

    def send(self, role: str, message: object, fds: Sequence[int]) -> bool:
        assert not fds
        if role not in self.up:
            return False
        self.sent.append((role, message))
        return True

    def look(self, visit: str) -> str | None:
        """Have a frame looked at; returns by whom."""
        taken = self.team.send("vision", Look(visit=visit, frame=FRAME))
        return self.sent[-1][0] if taken else None


def test_roles_are_numbered_from_the_second_on() -> None:
    assert vision_roles(1) == ("vision",)
    assert vision_roles(3) == ("vision", "vision-2", "vision-3")
    assert {kind_of(role) for role in vision_roles(4)} == {"vision"}


def test_one_worker_has_one_frame_in_hand() -> None:
    office = Office()
    office.up -= {"vision-2", "vision-3"}
    assert office.look("a") == "vision"
    assert office.look("b") is None
    office.team.answered("a")
    assert office.look("b") == "vision"


def test_second_visit_goes_to_the_second_worker_and_each_stays() -> None:
    office = Office()
    assert [office.look("a"), office.look("b")] == ["vision", "vision-2"]
    office.team.answered("a")
    office.team.answered("b")
    assert [office.look("b"), office.look("a")] == ["vision-2", "vision"]


def test_visit_waits_for_its_own_worker() -> None:
    office = Office()
    office.look("a")
    office.team.answered("a")
    office.look("b")
    assert office.look("a") is None


def test_visit_of_a_dead_worker_goes_on_with_another() -> None:
    office = Office()
    office.look("a")
    office.look("b")
    office.up.discard("vision")
    assert office.team.down("vision") == ["a"]
    assert office.look("a") == "vision-3"
    assert office.team.down("vision") == []


def test_visit_is_forgotten_by_who_has_it() -> None:
    office = Office()
    office.look("a")
    office.look("b")
    office.team.send("vision", ForgetVisit(visit="b"))
    assert office.sent[-1][0] == "vision-2"


def test_questions_go_to_who_keeps_no_visit_waiting() -> None:
    office = Office()
    assert office.team.for_question("button") == "button"
    assert office.team.for_question("vision") == "vision-3"
    office.up.discard("vision-3")
    office.look("a")
    office.look("b")
    assert office.team.for_question("vision") == "vision-2"
    office.up.clear()
    assert office.team.for_question("vision") == "vision"


def test_vision_is_lost_only_with_all_its_workers() -> None:
    office = Office()
    office.lost |= {"vision", "vision-2"}
    assert not office.team.is_lost("vision")
    office.lost.add("vision-3")
    assert office.team.is_lost("vision")
    assert not office.team.is_lost("button")


def test_message_to_another_role_is_passed_on() -> None:
    office = Office()
    seen = Seen(
        visit="a",
        frame=FRAME,
        decision=Decision.NOBODY,
        faces=[],
        sure=False,
        best_mono_ns=0,
    )
    assert office.team.send("button", seen)
    assert office.sent == [("button", seen)]


class Visits(RuleBasedStateMachine):
    """Kills a team that gives a worker two frames, or a visit two workers."""

    def __init__(self) -> None:
        super().__init__()
        self.office = Office()
        self.place: dict[str, str] = {}
        self.in_hand: dict[str, str] = {}

    @rule(visit=st.sampled_from("abcde"))
    def look(self, visit: str) -> None:
        if visit in self.in_hand.values():
            return
        worker = self.office.look(visit)
        if worker is None:
            return
        assert worker not in self.in_hand
        assert self.place.setdefault(visit, worker) == worker
        self.in_hand[worker] = visit

    @rule(visit=st.sampled_from("abcde"))
    def answer(self, visit: str) -> None:
        self.office.team.answered(visit)
        self.in_hand = {w: v for w, v in self.in_hand.items() if v != visit}

    @rule(role=st.sampled_from(vision_roles(3)))
    def die(self, role: str) -> None:
        expected = self.in_hand.pop(role, None)
        assert self.office.team.down(role) == ([expected] if expected else [])
        self.place = {v: w for v, w in self.place.items() if w != role}

    @invariant()
    def no_worker_idles_while_a_new_visit_waits(self) -> None:
        free = set(vision_roles(3)) - set(self.in_hand)
        if free:
            assert self.office.look("new") in free
            self.office.team.answered("new")
            self.office.team.send("vision", ForgetVisit(visit="new"))


TestVisits = Visits.TestCase
TestVisits.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("workers", [1, 4])
def test_gallery_reaches_every_worker(workers: int) -> None:
    office = Office()
    office.up = set(vision_roles(workers)) & set(ROLES)
    office.team = VisionTeam(
        ROLES, office.send, office.up.__contains__, office.lost.__contains__
    )
    office.team.tell_all(ForgetVisit(visit="x"))
    assert {role for role, _ in office.sent} == office.up
