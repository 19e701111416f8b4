"""When a decision is right, and how sure one can be of a share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.accuracy import Score, confidence, score, time_of_day
from doorbell.core.decision import Box, Decision, FaceVerdict


def verdict(decision: str, person_id: str | None = None) -> FaceVerdict:
    return FaceVerdict(Decision(decision), person_id, None, None, Box(0, 0, 9, 9))


@pytest.mark.parametrize(
    ("decision", "meant", "who", "right"),
    [
        ("known", "anna", "anna", True),
        ("known", "anna", "ben", False),
        ("known", "anna", "", False),
        ("unsure", "anna", "anna", False),
        ("unsure", "anna", "", False),
        ("unknown", None, "", True),
        ("unknown", None, "anna", False),
    ],
)
def test_what_is_right(decision: str, meant: str | None, who: str, right: bool) -> None:
    assert score([(verdict(decision, meant), who)]) == Score(int(right), 1)


def test_nothing_labelled_says_nothing() -> None:
    nothing = score([])
    assert (nothing.share, nothing.upper) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("right", "total", "upper"), [(0, 1, 0.793), (20, 30, 0.808), (25, 30, 0.927)]
)
def test_the_upper_bound_is_wilsons(right: int, total: int, upper: float) -> None:
    assert Score(right, total).upper == pytest.approx(upper, abs=0.001)


@given(st.integers(1, 500), st.data())
def test_the_upper_bound_lies_above_the_share(total: int, data: st.DataObject) -> None:
    """Kills the mutant whose rounding falls below a share of one."""
    right = data.draw(st.integers(0, total))
    found = Score(right, total)
    assert found.share <= found.upper <= 1.0
    assert Score(right * 4, total * 4).upper <= found.upper + 1e-12


@pytest.mark.parametrize(
    ("likeness", "word"),
    [
        (None, "none"),
        (0.19, "low"),
        (0.2, "medium"),
        (0.49, "medium"),
        (0.5, "high"),
        (0.79, "high"),
        (0.8, "very_high"),
    ],
)
def test_a_likeness_in_words(likeness: float | None, word: str) -> None:
    assert confidence(likeness, 0.2, 0.5) == word


@pytest.mark.parametrize(
    ("hour", "part"),
    [
        (None, "unknown"),
        (0, "night"),
        (5, "night"),
        (6, "morning"),
        (12, "afternoon"),
        (17, "afternoon"),
        (18, "evening"),
        (23, "evening"),
    ],
)
def test_parts_of_the_day(hour: int | None, part: str) -> None:
    assert time_of_day(hour) == part
