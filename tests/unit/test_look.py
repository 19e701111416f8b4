"""The numbers by which the best frames are chosen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from doorbell.adapters.jpeg import encode
from doorbell.core.errors import BadInputError
from doorbell.ports.camera import Frame
from doorbell.stages.look import Eye, Glance

RNG = np.random.default_rng(4)
CHECKS = np.kron(RNG.integers(0, 2, (18, 32)) * 200, np.ones((40, 40)))
PORCH = np.repeat(CHECKS.astype(np.uint8)[:, :, None], 3, axis=2)


def glance(rgb: object, eye: Eye | None = None) -> Glance:
    return (eye or Eye()).look(Frame(np.asarray(rgb, np.uint8), 1))


def test_blurred_frame_is_less_sharp() -> None:
    blurred = cv2.GaussianBlur(PORCH, (0, 0), 25)
    assert glance(PORCH).sharpness > 5 * glance(blurred).sharpness


def test_one_colour_has_no_sharpness() -> None:
    assert glance(np.full((720, 1280, 3), 90)).sharpness == 0


@pytest.mark.parametrize("level", [0, 128, 255])
def test_brightness_is_the_mean_grey_level(level: int) -> None:
    assert glance(np.full((720, 1280, 3), level)).brightness == level


def test_motion_is_the_mean_grey_difference() -> None:
    eye = Eye()
    glance(np.full((720, 1280, 3), 100), eye)
    assert glance(np.full((720, 1280, 3), 107), eye).motion == pytest.approx(7.0)
    eye.forget()
    assert glance(np.full((720, 1280, 3), 200), eye).motion == 0


def test_frame_of_another_size_is_no_motion() -> None:
    eye = Eye()
    glance(PORCH, eye)
    assert glance(np.zeros((100, 200, 3)), eye).motion == 0


def test_fingerprint_tells_a_live_camera_from_a_frozen_one() -> None:
    noisy = PORCH.copy()
    noisy[360, 77, 1] ^= 1
    assert glance(PORCH).fingerprint == glance(PORCH.copy()).fingerprint
    assert glance(PORCH).fingerprint != glance(noisy).fingerprint


def test_copy_from_the_sensor_is_preferred() -> None:
    look = np.full((90, 160), 33, np.uint8)
    assert Eye().look(Frame(PORCH, 1, look)).brightness == 33


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 4000, 3), (4000, 1, 3)])
def test_strange_shapes_are_looked_at(shape: tuple[int, ...]) -> None:
    assert glance(np.full(shape, 9)).brightness == 9


def test_jpeg_shows_the_same_colours() -> None:
    rgb = np.full((64, 64, 3), (200, 60, 20), np.uint8)
    decoded = cv2.imdecode(np.frombuffer(encode(rgb), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert np.abs(decoded[:, :, ::-1].astype(int) - (200, 60, 20)).max() <= 4


def test_frame_too_wide_for_jpeg_is_refused() -> None:
    with pytest.raises(BadInputError):
        encode(np.zeros((1, 70_000, 3), np.uint8))
