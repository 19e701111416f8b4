"""The rates against brute force: each property names the mutant that it kills."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.evaluation import metrics
from doorbell.evaluation.metrics import (
    TooFewError,
    Trial,
    bootstrap,
    equal_error,
    error_curve,
    fold_answers,
    share_at,
    tar_at_far,
    threshold_at,
    tpir,
    weighted_share,
)

# Few different values, so that ties occur.
level = st.integers(-3, 3).map(lambda n: n / 4)
levels = st.lists(level, min_size=1, max_size=12).map(np.array)
rate = st.sampled_from([0.0, 0.01, 0.07, 0.1, 0.29, 0.3, 0.5, 1.0])


@given(levels, rate)
def test_no_lower_threshold_keeps_the_rate(impostor: np.ndarray, far: float) -> None:
    # Kills: `>` for `>=` at ties, one impostor too many or too few let in, a floor
    # taken of 0.07 * 100 or 0.29 * 100 in floating point.
    line = threshold_at(impostor, far)
    assert (impostor >= line).mean() <= far + 1e-9
    lower = impostor[impostor < line]
    if len(lower):
        assert (impostor >= lower.max()).mean() > far + 1e-9


@given(st.lists(st.tuples(level, st.integers(0, 3)), min_size=1, max_size=8), rate)
def test_weight_counts_as_often_as_a_repetition(
    drawn: list[tuple[float, int]], far: float
) -> None:
    # Kills: weights left unsorted beside sorted likenesses, weights left out.
    values = np.array([value for value, _ in drawn])
    weights = np.array([weight for _, weight in drawn])
    repeated = np.repeat(values, weights)
    if not len(repeated):
        with pytest.raises(TooFewError):
            threshold_at(values, far, weights)
        return
    line = threshold_at(values, far, weights)
    other = threshold_at(repeated, far)
    assert share_at(repeated, line) == share_at(repeated, other)
    assert share_at(values, line, weights) == pytest.approx(share_at(repeated, line))


@given(levels, levels, rate)
def test_tar_is_the_best_that_any_threshold_gives(
    genuine: np.ndarray, impostor: np.ndarray, far: float
) -> None:
    # Kills: genuine and impostor exchanged, share below instead of above.
    lines = [*genuine, *impostor, 9.0]
    allowed = [
        (genuine >= line).mean()
        for line in lines
        if (impostor >= line).mean() <= far + 1e-9
    ]
    assert tar_at_far(genuine, impostor, far) == pytest.approx(max(allowed))


@given(levels, levels)
def test_curve_is_what_counting_gives(
    genuine: np.ndarray, impostor: np.ndarray
) -> None:
    # Kills: side="right" in the search, the two errors exchanged, rising thresholds.
    curve = error_curve(genuine, impostor)
    for line, false, missed in zip(
        curve.thresholds, curve.false, curve.missed, strict=True
    ):
        assert false == pytest.approx((impostor >= line).mean())
        assert missed == pytest.approx((genuine < line).mean())
    assert list(curve.thresholds) == sorted(curve.thresholds, reverse=True)
    assert 0.0 <= equal_error(curve) <= 1.0


def test_equal_error_of_the_separated_is_none_and_of_the_same_a_half() -> None:
    apart = error_curve(np.array([0.8, 0.9]), np.array([0.1, 0.2]))
    assert equal_error(apart) == 0.0
    same = np.linspace(0, 1, 101)
    assert equal_error(error_curve(same, same)) == pytest.approx(0.5, abs=0.01)


@given(st.lists(st.tuples(level, st.booleans()), min_size=1, max_size=12))
def test_line_is_the_best_of_all(pairs: list[tuple[float, bool]]) -> None:
    # Kills: a line between equal likenesses, everything or nothing never called the
    # same, errors on one side counted only.
    values = np.array([value for value, _ in pairs])
    same = np.array([is_same for _, is_same in pairs])
    lines = [9.0, *(value - 0.01 for value in values)]
    best = max(int(((values >= line) == same).sum()) for line in lines)
    line = metrics.best_line(values, same)
    assert int(((values >= line) == same).sum()) == best


def test_fold_is_judged_by_the_line_of_the_others() -> None:
    # Kills: the line chosen on the fold itself: its own would be right about all.
    values = np.array([0.9, 0.1, 0.9, 0.1, 0.4, 0.3])
    same = np.array([True, False, True, False, True, False])
    right = fold_answers(values, same, np.array([0, 0, 1, 1, 2, 2]))
    assert right.tolist() == [True, True, True, True, False, True]


def test_pairs_told_apart_perfectly_are_all_right() -> None:
    values = np.array([0.9, 0.1, 0.8, 0.2, 0.9, 0.1, 0.7, 0.3])
    same = values > 0.5
    assert fold_answers(values, same, np.array([0, 0, 1, 1, 2, 2, 3, 3])).all()
    with pytest.raises(TooFewError):
        fold_answers(values, same, np.zeros(8, np.intp))


def trial(own: list[tuple[float, bool]], strangers: list[float]) -> Trial:
    return Trial(
        np.array([value for value, _ in own]),
        np.array([is_right for _, is_right in own], bool),
        np.arange(len(own)) % 2,
        np.array(strangers),
        2 + np.arange(len(strangers)),
    )


def test_named_as_somebody_else_is_not_identified() -> None:
    # Kills: `is_right` left out, the threshold taken from enrolled visits.
    found = trial([(0.9, True), (0.95, False), (0.4, True)], [0.5, 0.1])
    assert tpir([found], 0.0) == pytest.approx(1 / 3)
    assert tpir([found], 0.5) == pytest.approx(2 / 3)
    assert tpir([found], 1.0) == pytest.approx(2 / 3)


def test_unread_visit_counts_as_missed() -> None:
    found = trial([(float("-inf"), False), (0.9, True)], [0.1])
    assert tpir([found], 0.0) == 0.5


def test_interval_covers_and_draws_people_not_photographs() -> None:
    # Kills: single photographs drawn: 2 people with 500 photographs each would give
    # an interval of some 0.06 instead of the whole range.
    generator = np.random.default_rng(1)
    people = np.repeat([0, 1], 500)
    hits = people == 0
    found = bootstrap(
        2, lambda times: weighted_share(hits, times[people]), generator, 200
    )
    assert (found.low, found.value, found.high) == (0.0, 0.5, 1.0)
    found = bootstrap(1000, lambda times: weighted_share(hits, times), generator, 200)
    assert 0.45 < found.low < found.value < found.high < 0.55


def test_person_drawn_twice_counts_twice_among_strangers_and_own() -> None:
    # Kills: one of the two weights left out.
    found = trial([(0.9, True), (0.3, True)], [0.5, 0.2])
    assert tpir([found], 0.4, np.array([1.0, 1.0, 1.0, 1.0])) == 0.5
    assert tpir([found], 0.4, np.array([1.0, 3.0, 1.0, 1.0])) == 0.25
    assert tpir([found], 0.4, np.array([1.0, 3.0, 1.0, 2.0])) == 1.0


def test_house_whose_people_were_not_drawn_does_not_count_as_missed() -> None:
    # Kills: the mean over houses, to which an empty one brings nought.
    one, other = trial([(0.9, True)], [0.5]), trial([(0.9, True), (0.9, True)], [0.5])
    assert tpir([one, other], 0.0, np.array([0.0, 1.0, 1.0])) == 1.0
    assert tpir([one], 0.0, np.array([0.0, 1.0, 1.0])) == 0.0


def test_nothing_has_no_interval_and_no_threshold() -> None:
    with pytest.raises(TooFewError):
        bootstrap(0, lambda _times: 0.0, np.random.default_rng(1))
    with pytest.raises(TooFewError):
        threshold_at(np.array([]), 0.1)
    assert weighted_share(np.array([], bool)) == 0.0
