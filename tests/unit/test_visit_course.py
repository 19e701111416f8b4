"""The course of a visit: what is told, when, and that nothing is told too early."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.visit import Act, VisitCourse, VisitLimits

LIMITS = VisitLimits(tell_s=1.5, decide_s=8.0, burst_frames=3)


def rung(at_s: float = 0.0) -> VisitCourse:
    """A visit whose ring is on disk."""
    course = VisitCourse(LIMITS, edge_s=at_s)
    course.ring_accepted()
    return course


def test_nothing_is_told_before_the_ring_is_on_disk() -> None:
    course = VisitCourse(LIMITS, edge_s=0.0)
    course.look_began()
    course.look_ended(sure=True)
    assert course.act(99.0, frames_left=True) is None
    course.ring_accepted()
    assert course.act(99.0, frames_left=True) is Act.DECIDE


def test_a_sure_answer_is_told_at_once() -> None:
    course = rung()
    course.look_began()
    course.look_ended(sure=True)
    assert course.act(0.1, frames_left=True) is Act.DECIDE
    assert course.act(0.2, frames_left=True) is None


def test_an_unsure_answer_waits_for_the_rest_of_the_burst() -> None:
    course = rung()
    for _ in range(3):
        assert course.may_look()
        assert course.act(0.1, frames_left=True) is None
        course.look_began()
        course.look_ended(sure=False)
    assert not course.may_look()
    assert course.act(0.2, frames_left=True) is Act.DECIDE


def test_what_is_known_at_the_deadline_is_told_then() -> None:
    course = rung()
    course.look_began()
    course.look_ended(sure=False)
    course.look_began()
    assert course.act(1.49, frames_left=True) is None
    assert course.act(1.5, frames_left=True) is Act.DECIDE


def test_without_an_answer_the_deadline_tells_that_someone_rang() -> None:
    course = rung()
    course.look_began()
    assert course.next_deadline_s() == 1.5
    assert course.act(1.5, frames_left=True) is Act.TELL
    assert course.next_deadline_s() == 8.0
    course.look_ended(sure=False)
    assert course.act(3.0, frames_left=True) is Act.DECIDE


def test_recognition_that_never_answers_degrades_the_visit() -> None:
    course = rung()
    course.look_began()
    course.act(1.5, frames_left=True)
    assert course.act(7.9, frames_left=True) is None
    assert course.act(8.0, frames_left=True) is Act.DEGRADE
    assert course.reason == "recognition took too long"


def test_a_picture_that_kills_the_model_is_tried_twice_and_no_more() -> None:
    course = rung()
    course.look_began()
    course.vision_died()
    assert course.may_look()
    course.look_began()
    course.vision_died()
    assert not course.may_look()
    assert course.act(0.5, frames_left=True) is Act.DEGRADE


def test_a_spike_is_forgotten() -> None:
    course = VisitCourse(LIMITS, edge_s=0.0)
    course.look_began()
    course.ring_void()
    assert course.act(0.01, frames_left=True) is Act.FORGET
    assert not course.may_look()


def test_without_camera_the_visit_is_told_at_once_and_says_why() -> None:
    course = rung()
    course.blocked("the camera is absent")
    assert course.act(0.0, frames_left=False) is Act.DEGRADE
    assert course.reason == "the camera is absent"


def test_frames_that_cannot_be_read_end_in_a_reason() -> None:
    course = rung()
    for _ in range(3):
        course.look_began()
        course.look_ended(sure=False, error="the frame was overwritten")
    assert course.act(0.5, frames_left=True) is Act.DEGRADE
    assert course.reason == "the frame was overwritten"


EVENTS = st.sampled_from(
    ["accept", "look", "sure", "unsure", "error", "death", "blocked", "wait"]
)


@given(st.lists(st.tuples(EVENTS, st.floats(0.0, 2.0)), max_size=40))
def test_every_accepted_visit_is_told_by_its_deadline_and_closed_once(
    history: list[tuple[str, float]],
) -> None:
    """Kills mutants that drop TELL, close twice, or wait on recognition for ever."""
    course, now_s, acts = VisitCourse(LIMITS, edge_s=0.0), 0.0, []
    for event, gap_s in [*history, ("accept", 0.0), ("wait", 0.0), ("wait", 10.0)]:
        now_s += gap_s
        apply(course, event)
        act = course.act(now_s, frames_left=True)
        if act is not None:
            assert course.accepted
            acts.append(act)
        told = any(a in (Act.TELL, Act.DECIDE, Act.DEGRADE) for a in acts)
        if course.accepted and now_s >= LIMITS.tell_s:
            assert told
    assert acts.count(Act.TELL) <= 1
    assert acts.count(Act.DECIDE) + acts.count(Act.DEGRADE) == 1
    assert course.act(now_s + 99.0, frames_left=True) is None


def apply(course: VisitCourse, event: str) -> None:
    if event == "accept":
        course.ring_accepted()
    elif event == "look" and course.may_look():
        course.look_began()
    elif event in ("sure", "unsure", "error") and course.looking:
        error = "bad frame" if event == "error" else ""
        course.look_ended(sure=event == "sure", error=error)
    elif event == "death":
        course.vision_died()
    elif event == "blocked":
        course.blocked("no camera")


@pytest.mark.parametrize("frames_left", [True, False])
def test_a_visit_without_more_frames_is_decided_on_what_there_is(
    frames_left: bool,
) -> None:
    course = rung()
    course.look_began()
    course.look_ended(sure=False)
    wanted = None if frames_left else Act.DECIDE
    assert course.act(0.3, frames_left=frames_left) is wanted
