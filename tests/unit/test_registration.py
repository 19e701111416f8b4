"""A picture of a face moved to lie over another one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from doorbell.core.registration import consensus, movement_onto, warped

SIDE = 150
MIDDLE = slice(25, 125)


def face() -> np.ndarray:
    """Something with soft features, as a face has."""
    coarse = np.random.default_rng(4).uniform(20, 230, (9, 9, 3)).astype(np.float32)
    return cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).clip(0, 255)


def moved(x: float, y: float, degrees: float, noise: float = 0.0) -> np.ndarray:
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), degrees, 1.03)
    turn[:, 2] += (x, y)
    out = cv2.warpAffine(face(), turn, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    out += np.random.default_rng(1).normal(0, noise, out.shape)
    return out.clip(0, 255).astype(np.uint8)


def registered(chip: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return warped(chip.astype(np.float32), movement_onto(reference, chip))


def unlike(one: np.ndarray, other: np.ndarray) -> float:
    away = one[MIDDLE, MIDDLE].astype(float) - other[MIDDLE, MIDDLE]
    return float(np.abs(away).mean())


@pytest.mark.parametrize(
    "movement", [(3, -2, 0), (0, 0, 5), (-4, 3, -3), (8, 8, 2)], ids=str
)
def test_moved_picture_is_laid_back(movement: tuple[float, float, float]) -> None:
    # Kills: a step taken the wrong way, x and y exchanged, the movement inverted.
    reference = face().astype(np.uint8)
    chip = moved(*movement)
    assert unlike(registered(chip, reference), reference) < 0.25 * unlike(
        chip, reference
    )


def test_exposure_does_not_matter() -> None:
    reference = face().astype(np.uint8)
    dark = (moved(3, -2, 2) * 0.4 + 20).astype(np.uint8)
    found = (registered(dark, reference) - 20) / 0.4
    assert unlike(found, reference) < 3


def test_noise_does_not_lead_it_astray() -> None:
    reference = moved(0, 0, 0, noise=20)
    chip = moved(4, 2, 0, noise=20)
    before = unlike(chip, moved(0, 0, 0))
    assert unlike(registered(chip, reference), moved(0, 0, 0)) < before * 0.6


def test_what_cannot_be_laid_over_is_left_as_it_is() -> None:
    still = np.eye(3)
    flat = np.full((SIDE, SIDE, 3), 90, np.uint8)
    assert np.array_equal(movement_onto(flat, flat), still)
    assert np.array_equal(movement_onto(flat, moved(1, 1, 1)), still)
    tiny = np.zeros((2, 2, 3), np.uint8)
    assert np.array_equal(movement_onto(tiny, tiny), still)


def test_chips_meet_where_most_say_that_the_face_lies() -> None:
    # Kills: the best chip believed alone, the movement inverted, weights left out.
    shifts = [0.0, 0.3, 0.3]
    movements = [np.eye(3) for _ in shifts]
    for movement, shift in zip(movements, shifts, strict=True):
        movement[0, 2] = shift
    assert consensus(movements, [1, 1, 1])[0, 2] == pytest.approx(0.2)
    assert consensus(movements, [1, 2, 3])[0, 2] == pytest.approx(0.25)


def test_consensus_turns_and_scales_but_does_not_bend() -> None:
    bent = np.array([[1.2, 0.3, 0.0], [0.1, 1.0, 0.0], [0.0, 0.0, 1.0]])
    found = consensus([bent], [1])
    assert found[0, 0] == found[1, 1] == pytest.approx(1.1)
    assert found[1, 0] == -found[0, 1] == pytest.approx(-0.1)


def test_other_face_is_not_bent_into_this_one() -> None:
    other = face()[::-1].astype(np.uint8)
    found = registered(other, face().astype(np.uint8))
    assert unlike(found, other) < 0.6 * unlike(face(), other)


def test_no_movement_changes_nothing() -> None:
    pixels = face()
    assert np.allclose(warped(pixels, np.eye(3)), pixels, atol=1e-3)
