"""One face over several frames of a visit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.burst import is_conclusive
from doorbell.core.decision import Box, Decision
from doorbell.core.faces import Gallery, OperatingPoint
from doorbell.core.tracks import (
    MAX_TRACKS,
    NOT_SHOWN,
    Evidence,
    Outcome,
    Sighting,
    overlap,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

POINT = OperatingPoint(
    known_at=0.8, unsure_at=0.6, min_margin=0.1, comfort=0.1, apart_below=0.4
)
LEFT, RIGHT = Box(0, 0, 100, 100), Box(500, 0, 100, 100)
ANNA, BERT = 0.0, 5.0
ENROLLED = Gallery(["anna", "bert"], np.array([[ANNA], [BERT]], np.float32))


def likeness(
    probe: NDArray[np.float32], gallery: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.asarray(1 - np.abs(gallery - probe)[:, 0], np.float32)


def face(
    at: float | None, box: Box = LEFT, weight: float = 1.0, note: str = ""
) -> Sighting:
    embedding = None if at is None else np.array([at], np.float32)
    return Sighting(box, embedding, weight, note, weight=weight)


def seen(*frames: list[Sighting]) -> Outcome:
    evidence = Evidence(likeness, POINT)
    for mono_ns, sightings in enumerate(frames, start=1):
        evidence.add(mono_ns, sightings)
    return evidence.outcome(ENROLLED)


def decisions(outcome: Outcome) -> list[Decision]:
    return sorted(verdict.decision for verdict in outcome.faces)


def test_no_face_in_any_frame_is_nobody() -> None:
    outcome = seen([], [])
    assert outcome.faces == []
    assert outcome.best_mono_ns == 1


def test_poor_frame_of_the_same_place_joins_and_counts_less() -> None:
    outcome = seen([face(0.05, weight=0.9)], [face(0.45, weight=0.1)])
    [verdict] = outcome.faces
    assert verdict.likeness == pytest.approx(1 - (0.05 * 0.9 + 0.45 * 0.1))
    assert outcome.standings[0].looks == 2


def test_half_alike_face_joins_in_the_same_place_only() -> None:
    assert len(seen([face(0.0)], [face(0.5)]).faces) == 1
    assert len(seen([face(0.0)], [face(0.5, RIGHT)]).faces) == 2
    assert len(seen([face(0.0)], [face(0.7)]).faces) == 2


def test_moving_face_joins_the_track_it_is_most_like() -> None:
    outcome = seen([face(0.3, RIGHT), face(0.0)], [face(0.05, Box(250, 0, 100, 100))])
    assert [v.likeness for v in outcome.faces] == pytest.approx([0.975, 0.7])
    assert outcome.faces[0].box == LEFT


def test_answer_is_settled_by_its_distance_from_the_lines() -> None:
    def clearance(*faces: Sighting) -> float:
        return seen(list(faces)).standings[0].clearance

    assert clearance(face(0.05)) == pytest.approx(1.5)
    assert clearance(face(0.15)) == pytest.approx(0.5)
    assert clearance(face(0.3)) == 0.0
    assert clearance(face(0.55)) == pytest.approx(1.5)
    # Halfway between two people nobody is settled, however alike they are.
    twins = Gallery(["anna", "bert"], np.array([[0.0], [0.15]], np.float32))
    evidence = Evidence(likeness, POINT)
    evidence.add(1, [face(0.0)])
    assert evidence.outcome(twins).standings[0].clearance == pytest.approx(0.5)


def test_stranger_is_settled_when_nobody_is_enrolled_but_not_when_unread() -> None:
    evidence = Evidence(likeness, POINT)
    for mono_ns in (1, 2):
        evidence.add(mono_ns, [face(ANNA), face(None, RIGHT)])
    read, unread = evidence.outcome(Gallery.empty(1)).standings
    assert is_conclusive([read])
    assert not is_conclusive([unread])


def test_another_face_in_the_same_place_is_another_visitor() -> None:
    assert decisions(seen([face(ANNA)], [face(2.5)])) == [
        Decision.KNOWN,
        Decision.UNKNOWN,
    ]


def test_same_face_elsewhere_is_the_same_visitor() -> None:
    assert len(seen([face(0.1)], [face(0.0, RIGHT)]).faces) == 1


def test_two_faces_of_one_frame_are_two_visitors_and_one_name() -> None:
    outcome = seen([face(0.0), face(0.1, RIGHT)])
    assert decisions(outcome) == [Decision.KNOWN, Decision.UNSURE]
    doubted = next(v for v in outcome.faces if v.decision is Decision.UNSURE)
    assert "more alike" in doubted.note
    assert doubted.box == RIGHT


def test_person_tracked_apart_is_told_once() -> None:
    # 0.35 and -0.35 are unlike each other, both are like Anna.
    outcome = seen([face(0.3)], [face(-0.3, RIGHT)])
    assert [v.person_id for v in outcome.faces] == ["anna"]


def test_face_that_could_not_be_read_is_unknown_with_its_note() -> None:
    [verdict] = seen([face(None, note="too many faces")]).faces
    assert verdict.decision is Decision.UNKNOWN
    assert verdict.note == "too many faces"


def test_unreadable_sighting_in_the_same_place_does_not_add_a_stranger() -> None:
    outcome = seen([face(ANNA)], [face(None)], [face(ANNA)])
    assert decisions(outcome) == [Decision.KNOWN]


def test_boxes_belong_to_the_frame_that_shows_most() -> None:
    outcome = seen(
        [face(ANNA, LEFT)],
        [face(ANNA, RIGHT, weight=0.5), face(BERT, LEFT, weight=0.5)],
    )
    assert outcome.best_mono_ns == 2
    assert {v.person_id: v.box for v in outcome.faces} == {"anna": RIGHT, "bert": LEFT}


def test_face_absent_from_the_best_frame_has_an_empty_box() -> None:
    outcome = seen([face(ANNA), face(BERT, RIGHT)], [face(2.5, LEFT)])
    stranger = next(v for v in outcome.faces if v.decision is Decision.UNKNOWN)
    assert stranger.box == NOT_SHOWN


def test_frame_looked_at_twice_replaces_itself() -> None:
    evidence = Evidence(likeness, POINT)
    evidence.add(1, [face(2.5)])
    evidence.add(1, [face(ANNA)])
    assert decisions(evidence.outcome(ENROLLED)) == [Decision.KNOWN]


def test_crowd_is_bounded() -> None:
    crowd = [face(10.0 * i + 20, Box(200 * i, 0, 100, 100)) for i in range(400)]
    assert len(seen(crowd).faces) == MAX_TRACKS


boxes = st.builds(
    Box,
    st.integers(-50, 50),
    st.integers(-50, 50),
    st.integers(0, 60),
    st.integers(0, 60),
)


@given(boxes, boxes)
def test_overlap_is_a_share_and_does_not_depend_on_the_order(a: Box, b: Box) -> None:
    # Kills: negative widths multiplied into an area; union without the intersection.
    share = overlap(a, b)
    assert 0 <= share <= 1
    assert share == overlap(b, a)
    if a == b and a.w and a.h:
        assert share == 1


@given(
    st.lists(st.lists(st.sampled_from([ANNA, BERT, 2.5, None]), max_size=4), max_size=5)
)
def test_no_person_is_known_twice_and_no_frames_face_is_lost(
    frames: list[list[float | None]],
) -> None:
    # Kills: two tracks both named Anna; two faces of one frame put into one track.
    outcome = seen(
        *[
            [face(at, Box(300 * i, 0, 100, 100)) for i, at in enumerate(frame)]
            for frame in frames
        ]
    )
    known = [v.person_id for v in outcome.faces if v.decision is Decision.KNOWN]
    assert len(known) == len(set(known))
    fullest = max((len(frame) for frame in frames), default=0)
    assert len(outcome.faces) >= min(fullest, 1)
    for frame in frames:
        assert len(outcome.faces) >= len(frame)


def test_who_left_before_the_press_does_not_count() -> None:
    """Kills the mutant that lets a passer-by lend a stranger her name."""
    evidence = Evidence(likeness, POINT)
    evidence.add(1_000, [face(ANNA)])
    evidence.add(2_000, [face(2.5)])
    at_press = evidence.outcome(ENROLLED, pressed_ns=2_100)
    assert decisions(at_press) == [Decision.UNKNOWN]
    assert at_press.best_mono_ns == 2_000
    assert len(evidence.outcome(ENROLLED).faces) == 2


def test_who_comes_after_the_press_counts() -> None:
    evidence = Evidence(likeness, POINT)
    evidence.add(1_000, [])
    evidence.add(3_000, [face(ANNA)])
    assert decisions(evidence.outcome(ENROLLED, pressed_ns=1_100)) == [Decision.KNOWN]
