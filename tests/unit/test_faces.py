"""Promise 5: never a wrong name silently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.decision import Box, Decision
from doorbell.core.faces import (
    EmbeddingError,
    Gallery,
    Nearest,
    OperatingPoint,
    OperatingPointError,
    decide,
    judge,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

POINT = OperatingPoint(
    known_at=0.5, unsure_at=0.4, min_margin=0.1, comfort=0.05, apart_below=0.2
)
BOX = Box(1, 2, 3, 4)


def likeness(
    probe: NDArray[np.float32], gallery: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.asarray(1 - np.abs(gallery - probe).sum(axis=1), np.float32)


def vector(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def gallery(*people: tuple[str, float]) -> Gallery:
    rows = np.array([[at] for _, at in people], np.float32).reshape(len(people), 1)
    return Gallery([who for who, _ in people], rows)


@pytest.mark.parametrize(
    ("found", "margin", "expected"),
    [
        (0.5, 0.1, Decision.KNOWN),
        (0.5, None, Decision.KNOWN),
        (0.49, 0.3, Decision.UNSURE),
        (0.4, 0.3, Decision.UNSURE),
        (0.39, 0.3, Decision.UNKNOWN),
        (0.9, 0.09, Decision.UNSURE),
        (0.39, 0.01, Decision.UNKNOWN),
    ],
)
def test_lines_between_known_unsure_and_unknown(
    found: float, margin: float | None, expected: Decision
) -> None:
    assert decide(Nearest("a", found, margin), POINT) is expected


def test_nobody_enrolled_makes_everybody_unknown() -> None:
    assert Gallery.empty(1).nearest(vector(0.0), likeness) is None
    verdict = judge(None, POINT, BOX)
    assert verdict.decision is Decision.UNKNOWN
    assert verdict.person_id is None
    assert verdict.likeness is None


def test_margin_is_measured_to_another_person_not_to_the_same_persons_photo() -> None:
    enrolled = gallery(("a", 0.01), ("a", -0.01), ("b", 0.5))
    found = enrolled.nearest(vector(0.0), likeness)
    assert found is not None
    assert found.person_id == "a"
    assert found.margin == pytest.approx(0.5)


def test_only_person_enrolled_has_no_margin() -> None:
    found = gallery(("a", -0.1), ("a", 0.1)).nearest(vector(0.0), likeness)
    assert found == Nearest("a", 1.0, None)


def test_two_who_look_alike_are_unsure_not_named() -> None:
    found = gallery(("a", 0.0), ("b", 0.05)).nearest(vector(0.0), likeness)
    verdict = judge(found, POINT, BOX)
    assert verdict.decision is Decision.UNSURE
    assert verdict.person_id == "a"


def test_stranger_keeps_the_likeness_but_no_name() -> None:
    found = gallery(("a", 0.9)).nearest(vector(0.0), likeness)
    verdict = judge(found, POINT, BOX, note="too dark")
    assert verdict.person_id is None
    assert verdict.likeness == pytest.approx(0.1)
    assert verdict.note == "too dark"


def test_known_face_bears_no_complaint() -> None:
    assert judge(Nearest("a", 0.9, None), POINT, BOX, note="too dark").note == ""


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_embedding_that_is_no_number_is_an_error_not_an_answer(value: float) -> None:
    with pytest.raises(EmbeddingError, match="no numbers"):
        gallery(("a", 0.0)).nearest(vector(value), likeness)
    with pytest.raises(EmbeddingError, match="no numbers"):
        gallery(("a", value))


def test_embedding_of_another_engine_is_an_error() -> None:
    with pytest.raises(EmbeddingError, match="shape"):
        gallery(("a", 0.0)).nearest(vector(0.0, 1.0), likeness)
    with pytest.raises(EmbeddingError, match="shape"):
        Gallery(["a", "b"], np.zeros((1, 3), np.float32))


def test_unsure_above_known_is_refused_with_exit_code_78() -> None:
    with pytest.raises(OperatingPointError) as caught:
        OperatingPoint(0.4, 0.5, 0.0, 0.05, 0.2)
    assert caught.value.exit_code == 78


people = st.lists(
    st.tuples(st.sampled_from("abcd"), st.floats(-2, 2, width=32)), max_size=12
)


@given(people, st.floats(-2, 2, width=32))
def test_nearest_is_the_person_whose_mean_is_likest(
    rows: list[tuple[str, float]], at: float
) -> None:
    # Kills: a single row counting for its person; rows added to the wrong person;
    # argmin for argmax; a margin to the same person.
    found = gallery(*rows).nearest(vector(at), likeness)
    if not rows:
        assert found is None
        return
    own = {who: [np.float32(x) for w, x in rows if w == who] for who, _ in rows}
    score = {who: 1 - abs(np.mean(xs) - np.float32(at)) for who, xs in own.items()}
    assert found is not None
    assert found.likeness == pytest.approx(max(score.values()), abs=1e-5)
    assert score[found.person_id] == pytest.approx(found.likeness, abs=1e-5)
    others = [value for who, value in score.items() if who != found.person_id]
    if others:
        expected = found.likeness - max(others)
        assert found.margin == pytest.approx(expected, abs=1e-5)
    else:
        assert found.margin is None


@given(st.floats(-1, 1), st.none() | st.floats(0, 2))
def test_a_name_is_only_ever_given_from_the_unsure_line_on(
    found: float, margin: float | None
) -> None:
    # Kills: naming an unknown face; known without the margin; < for <=.
    verdict = judge(Nearest("a", found, margin), POINT, BOX)
    assert (verdict.person_id is not None) == (found >= POINT.unsure_at)
    is_clear = margin is None or margin >= POINT.min_margin
    assert (verdict.decision is Decision.KNOWN) == (
        found >= POINT.known_at and is_clear
    )
