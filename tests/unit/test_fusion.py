"""Several poor pictures of one view become a better one; other views stay apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.decision import Box
from doorbell.core.faces import Gallery, OperatingPoint
from doorbell.core.fusion import Overlay, fused, same_view, view_of
from doorbell.core.likeness import cosine
from doorbell.core.tracks import Evidence, Sighting

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 60
BOX = Box(0, 0, 100, 100)
POINT = OperatingPoint(
    known_at=0.9, unsure_at=0.8, min_margin=0.0, comfort=0.1, apart_below=0.1
)


def face(seed: int) -> NDArray[np.float64]:
    coarse = np.random.default_rng(seed).uniform(30, 220, (6, 6, 3))
    return np.kron(coarse, np.ones((SIDE // 6, SIDE // 6, 1)))


def shot(seed: int, noise: float, grain: int) -> NDArray[np.uint8]:
    grains = np.random.default_rng(grain).normal(0, noise, (SIDE, SIDE, 3))
    return np.clip(face(seed) + grains, 0, 255).astype(np.uint8)


def test_noise_leaves_the_view_and_another_face_does_not() -> None:
    chips = [shot(1, 30, 1), shot(1, 30, 2), shot(2, 0, 3)]
    assert same_view(chips, chips[0]) == [True, True, False]


def test_another_exposure_is_the_same_view() -> None:
    # Kills: levels compared instead of their pattern.
    dark = (face(1) * 0.3 + 40).astype(np.uint8)
    assert same_view([dark], shot(1, 0, 0)) == [True]


def test_chip_of_one_colour_or_of_another_size_is_like_nothing() -> None:
    flat = np.full((SIDE, SIDE, 3), 90, np.uint8)
    assert same_view([flat, shot(1, 0, 0)[:30, :30]], flat) == [False, False]
    assert not view_of(np.zeros((3, 3, 3), np.uint8)).any()


def test_mean_of_noisy_chips_is_nearer_to_the_face_than_any() -> None:
    chips = [shot(1, 25, grain) for grain in range(6)]
    errors = [np.abs(chip - face(1)).mean() for chip in chips]
    assert np.abs(fused(chips, [1.0] * 6) - face(1)).mean() < min(errors) * 0.6


def test_chips_cut_out_awry_meet_where_the_face_lies() -> None:
    # Kills: all laid over the best chip, however its landmarks were off.
    whole = np.kron(
        np.random.default_rng(3).uniform(30, 220, (9, 9, 3)), np.ones((10, 10, 1))
    )
    soft = (whole + np.roll(whole, 3, 0) + np.roll(whole, 3, 1)) / 3
    shifts = [(4, 0), (-2, 2), (-2, -2)]
    chips = [soft[15 + y : 75 + y, 15 + x : 75 + x].astype(np.uint8) for x, y in shifts]
    truth = soft[15:75, 15:75]
    inner = slice(10, 50)
    error = np.abs(fused(chips, [1.0, 0.9, 0.9]) - truth)[inner, inner].mean()
    best_alone = np.abs(chips[0] - truth)[inner, inner].mean()
    assert error < best_alone / 3


def test_each_frame_is_laid_once_as_long_as_the_best_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Kills: everything laid anew at each look; what lay over another best kept.
    laid: list[int] = []
    monkeypatch.setattr(
        "doorbell.core.fusion.movement_onto",
        lambda _best, chip: laid.append(int(chip[0, 0, 0])) or np.eye(3),
    )
    chips = [np.full((8, 8, 3), level, np.uint8) for level in (1, 2, 3, 4)]
    overlay = Overlay()
    overlay.fused(chips[:2], [9, 1])
    overlay.fused(chips[:3], [9, 1, 1])
    assert laid == [2, 3]
    overlay.fused(chips, [1, 1, 1, 9])
    assert laid == [2, 3, 1, 2, 3]


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=5), st.integers(0, 99))
def test_weights_are_shares_of_the_whole(weights: list[float], seed: int) -> None:
    # Kills: weights left out, a sum for a mean, rounding down.
    generator = np.random.default_rng(seed)
    # Of one colour each: there is nothing to lay one over another by.
    chips = [np.full((8, 8, 3), generator.integers(256), np.uint8) for _ in weights]
    expected = sum(
        w * chip.astype(float) for w, chip in zip(weights, chips, strict=True)
    )
    found = fused(chips, weights)
    assert np.abs(found - expected / sum(weights)).max() <= 0.5 + 1e-6


class Network:
    """Embeds a chip as the mean colours of its corner; counts how often it ran."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, chip: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.runs += 1
        return chip[:10, :10].mean(axis=(0, 1)).astype(np.float32)


def sighting(network: Network, chip: NDArray[np.uint8], weight: float) -> Sighting:
    return Sighting(BOX, network(chip), 1.0, chip=chip, weight=weight)


def test_frames_of_one_view_are_read_as_one_and_only_once() -> None:
    network = Network()
    evidence = Evidence(cosine, POINT, network)
    for grain in range(3):
        evidence.add(grain, [sighting(network, shot(1, 20, grain), 0.5)])
    before = network.runs
    (track,) = evidence.tracks
    ((embedding, weight),) = track.parts
    assert weight == pytest.approx(1.5)
    chips = [shot(1, 20, grain) for grain in range(3)]
    assert np.allclose(embedding, network(fused(chips, [1, 1, 1])), atol=1)
    evidence.outcome(Gallery(["a"], embedding[None, :]))
    # Once above, once here in the test, and not again.
    assert network.runs == before + 2


def test_another_view_of_the_same_face_keeps_its_own_embedding() -> None:
    network = Network()
    evidence = Evidence(cosine, POINT, network)
    for at, chip in enumerate((shot(1, 10, 1), shot(1, 10, 2), shot(2, 10, 3))):
        evidence.add(at, [sighting(network, chip, 0.5)])
    (track,) = evidence.tracks
    assert sorted(weight for _, weight in track.parts) == pytest.approx([0.5, 1.0])


def test_frame_taken_again_is_fused_anew() -> None:
    # Kills: what was fused before kept although a frame was replaced.
    network = Network()
    evidence = Evidence(cosine, POINT, network)
    evidence.add(0, [sighting(network, shot(1, 10, 1), 0.5)])
    evidence.add(1, [sighting(network, shot(1, 10, 2), 0.5)])
    first = evidence.tracks[0].parts[0][0]
    brighter = np.clip(shot(1, 10, 3).astype(int) + 30, 0, 255).astype(np.uint8)
    evidence.add(1, [sighting(network, brighter, 0.5)])
    assert not np.allclose(evidence.tracks[0].parts[0][0], first)


def test_chip_that_the_network_cannot_read_leaves_the_frames_apart() -> None:
    evidence = Evidence(cosine, POINT, lambda _chip: None)
    network = Network()
    for grain in range(2):
        evidence.add(grain, [sighting(network, shot(1, 10, grain), 0.5)])
    assert len(evidence.tracks[0].parts) == 2


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0.1, 1)), min_size=1, max_size=5)
)
def test_likeness_of_several_views_is_the_mean_of_theirs(
    drawn: list[tuple[int, float]],
) -> None:
    # Kills: the likeness of the mean embedding, which rises with every view, weights
    # left out, the likest view alone.
    rows = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    centre = np.ones((1, 4), np.float32)
    gallery = Gallery(["a"], centre)
    parts = [(rows[number], weight) for number, weight in drawn]
    found = gallery.nearest_of(parts, cosine)
    each = [float(cosine(row, centre)[0]) for row, _ in parts]
    mean = np.average(each, weights=[weight for _, weight in parts])
    assert found is not None
    assert found.likeness == pytest.approx(mean, abs=1e-5)
