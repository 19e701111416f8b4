"""How much a face counts, and what is said against it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.chip import brightness, sharpness
from doorbell.core.quality import (
    FaceMeasures,
    complaint,
    exposure,
    face_quality,
    weight_of,
)

GOOD = FaceMeasures(width_px=120, sharpness=50, brightness=120, yaw=0.0)


def test_good_face_counts_fully_and_bears_no_complaint() -> None:
    assert face_quality(GOOD) == 1.0
    assert complaint(GOOD) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"brightness": 39.0}, "too dark"),
        ({"brightness": 231.0}, "too bright"),
        ({"sharpness": 3.9}, "blurred"),
        ({"yaw": -0.7}, "looks aside"),
        ({"width_px": 50.0}, ""),
    ],
)
def test_what_is_wrong_counts_less_and_is_said(
    change: dict[str, float], words: str
) -> None:
    face = replace(GOOD, **change)
    assert face_quality(face) < 1.0
    assert complaint(face) == words


@given(st.floats(0, 4000), st.floats(0, 1e6), st.floats(0, 255), st.floats(-1, 1))
def test_quality_is_a_weight_above_zero(
    width: float, sharp: float, bright: float, yaw: float
) -> None:
    # Kills: a weight of 0, whose mean divides by zero; a negative exposure.
    assert 0 < face_quality(FaceMeasures(width, sharp, bright, yaw)) <= 1


@given(st.floats(-2, 4), st.floats(-2, 4))
def test_surer_face_counts_no_less_and_none_counts_nothing(a: float, b: float) -> None:
    # Kills: a weight of 0 or below; dlib's scores above 1 outweighing everything.
    low, high = sorted((a, b))
    assert 0 < weight_of(low) <= weight_of(high) <= 1


def test_doubtful_face_counts_a_fraction() -> None:
    assert weight_of(0.75) == pytest.approx(0.1, abs=0.01)
    assert weight_of(0.92) > 0.5


@given(st.floats(0, 127), st.floats(0, 127))
def test_brighter_is_better_up_to_the_middle(a: float, b: float) -> None:
    # Kills: the two ends of the exposure swapped.
    low, high = sorted((a, b))
    assert exposure(low) <= exposure(high)
    assert exposure(255 - low) <= exposure(255 - high)


def test_one_colour_is_not_sharp_and_edges_are() -> None:
    grey = np.full((20, 20, 3), 90, np.uint8)
    stripes = grey.copy()
    stripes[:, ::2] = 200
    assert sharpness(grey) == pytest.approx(0.0, abs=1e-6)
    assert sharpness(stripes) > 1000
    assert brightness(grey) == pytest.approx(90)
    assert sharpness(np.zeros((1, 1, 3), np.uint8)) == 0.0
