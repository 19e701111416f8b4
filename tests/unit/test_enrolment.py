"""Which photographs are taken, and how well a gallery separates."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from doorbell.core import enrolment
from doorbell.core.decision import Box
from doorbell.core.enrolment import EnrolmentLimits, judge_photo
from doorbell.core.faces import Gallery, OperatingPoint
from doorbell.core.separation import separation

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIMITS = EnrolmentLimits(60, 0.4, 0.5, {"p1": "Anna", "p2": "Bert"})


FACE = Box(10, 20, 120, 120)


@dataclass(frozen=True)
class Found:
    box: Box = FACE
    sharpness: float = 50.0
    brightness: float = 120.0
    yaw: float = 0.0
    nearest_person: str | None = None
    nearest_likeness: float | None = None


def with_neighbour(person: str, likeness: float) -> Found:
    return replace(Found(), nearest_person=person, nearest_likeness=likeness)


@pytest.mark.parametrize(
    ("faces", "reason"),
    [
        ([], "no face"),
        ([Found(), Found(Box(300, 40, 61, 61))], "2 faces .*61 px wide at 300,40"),
        ([Found(Box(0, 0, 59, 59))], "too small: 59 px wide, 60"),
        ([replace(Found(), sharpness=2.0)], "blurred"),
        ([replace(Found(), brightness=20.0)], "too dark"),
        ([replace(Found(), brightness=250.0)], "too bright"),
        ([replace(Found(), yaw=-0.9)], "looks aside"),
        ([with_neighbour("p2", 0.61)], r"already somebody else: Bert \(likeness 0.61"),
    ],
)
def test_photo_is_refused_with_the_reason(faces: list[Found], reason: str) -> None:
    verdict = judge_photo(faces, "p1", LIMITS)
    assert verdict.face is None
    assert re.search(reason, verdict.refusal)


@pytest.mark.parametrize(
    ("face", "remark"),
    [
        (Found(), ""),
        (with_neighbour("p1", 0.9), ""),
        (with_neighbour("p2", 0.39), ""),
        (with_neighbour("p2", 0.4), "it resembles Bert (likeness 0.40)"),
        (replace(Found(), sharpness=6.0), "it is rather soft"),
        (replace(Found(), brightness=50.0), "it is rather dark"),
        (replace(Found(), yaw=0.4), "it looks somewhat aside"),
    ],
)
def test_doubtful_photo_is_taken_with_a_remark(face: Found, remark: str) -> None:
    verdict = judge_photo([face], "p1", LIMITS)
    assert verdict.refusal == ""
    assert verdict.face == 0
    assert verdict.remark == remark


def test_somebody_new_who_is_already_enrolled_is_refused() -> None:
    assert "Anna" in judge_photo([with_neighbour("p1", 0.8)], None, LIMITS).refusal


POINT = OperatingPoint(0.5, 0.4, 0.1, 0.05, 0.2)


def likeness(
    probe: NDArray[np.float32], gallery: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.asarray(1 - np.abs(gallery - probe)[:, 0], np.float32)


def gallery(*rows: tuple[str, float]) -> Gallery:
    table = np.array([[at] for _, at in rows], np.float32).reshape(len(rows), 1)
    return Gallery([who for who, _ in rows], table)


def test_each_photo_is_judged_by_the_others_only() -> None:
    # Kills: a photograph compared with itself, which is always right.
    found = separation(
        gallery(("a", 0.0), ("a", 0.1), ("b", 5.0), ("b", 8.0)), likeness, POINT
    )
    assert (found.photos, found.right) == (4, 2)
    assert sorted(s.row for s in found.worst) == [2, 3]
    assert found.lookalikes == []


def test_mislabelled_photo_is_the_worst_and_makes_lookalikes() -> None:
    found = separation(
        gallery(("a", 0.0), ("a", 0.1), ("b", 5.0), ("b", 0.05)), likeness, POINT
    )
    assert found.worst[0].row == 3
    assert found.worst[0].nearest == "a"
    assert [(pair.person_id, pair.other_id) for pair in found.lookalikes] == [
        ("a", "b")
    ]
    assert found.lookalikes[0].likeness == pytest.approx(0.95)


def test_person_with_one_photo_cannot_be_judged() -> None:
    found = separation(gallery(("a", 0.0)), likeness, POINT)
    assert (found.photos, found.right, found.worst) == (0, 0, [])
    assert separation(Gallery.empty(1), likeness, POINT).photos == 0


def test_conditions_that_no_photograph_shows_are_named() -> None:
    bright, dim, turned = Found(), Found(brightness=80.0), Found(yaw=-0.2)
    assert len(enrolment.lacking([bright, bright])) == 2
    assert enrolment.lacking([bright, dim]) == ["a face turned a little aside"]
    assert enrolment.lacking([dim, turned]) == []


YEAR_S = 365 * 86_400.0


@pytest.mark.parametrize(
    ("consent", "enrolled_s", "now_s", "expected"),
    [
        ("Ada", 0.0, YEAR_S + 1, True),
        ("Ada", 0.0, YEAR_S - 1, False),
        ("BEN", 0.0, 9 * YEAR_S, False),
        ("Ada", None, 9 * YEAR_S, False),
        ("Ada", 0.0, None, False),
    ],
)
def test_photographs_of_a_child_outlive_their_year(
    consent: str, enrolled_s: float | None, now_s: float | None, expected: bool
) -> None:
    assert enrolment.is_outgrown("Ben", consent, enrolled_s, now_s) is expected
