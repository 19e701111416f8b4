"""The search that begins with what moved finds what a search of everything finds."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from modelling import needs

from doorbell.adapters import faces_dlib
from doorbell.adapters.faces_dlib import DlibDetector, FivePoints
from doorbell.adapters.hog_where_moved import HogWhereMoved
from doorbell.core.meter import Meter

LFW = Path(os.environ.get("DOORBELL_TEST_DATA", "../shared/data")) / "lfw"
NAMES = ("Ann_Veneman", "Anders_Fogh_Rasmussen")
HEIGHT, WIDTH, SIDE = 720, 1280, 250


class CountedHog(DlibDetector):
    """Notes how many pixels it searched."""

    searched = 0

    def search(self, rgb, scanned, scale, min_width_px, corner=(0, 0)):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - as in the class above it
        self.searched += scanned.size
        return super().search(rgb, scanned, scale, min_width_px, corner)


@pytest.fixture
def hog() -> CountedHog:
    needs("dlib")
    if not LFW.is_dir():
        pytest.skip(f"no photographs below {LFW}")
    dlib = faces_dlib.load_dlib()
    points = FivePoints(dlib, faces_dlib.model_file(faces_dlib.PREDICTOR))
    return CountedHog(dlib, points, Meter())


def porch(*people: tuple[int, int], seed: int = 1) -> np.ndarray:
    """A noisy porch; person `i` stands with the left edge of the picture at x."""
    noise = np.random.default_rng(seed).normal(0, 3, (HEIGHT, WIDTH, 3))
    rgb = np.clip(np.linspace(90, 150, WIDTH)[None, :, None] + noise, 0, 255)
    frame = rgb.astype(np.uint8)
    for person, x in people:
        name = NAMES[person]
        picture = cv2.imread(str(LFW / name / f"{name}_0001.jpg"))
        frame[300 : 300 + SIDE, x : x + SIDE] = picture[..., ::-1]
    return frame


def test_visitor_is_found_in_a_part_of_the_frame(hog: CountedHog) -> None:
    spared = HogWhereMoved(hog)
    assert spared.detect(porch(), 60) == []
    whole = hog.searched
    frame = porch((0, 700), seed=2)
    [face] = spared.detect(frame, 60)
    assert hog.searched - whole < whole / 3
    [alike] = hog.detect(frame, 60)
    assert abs(face.box.x - alike.box.x) < 15
    assert abs(face.box.w - alike.box.w) < 25


def test_second_visitor_is_found_beside_the_first(hog: CountedHog) -> None:
    spared = HogWhereMoved(hog)
    spared.detect(porch(), 60)
    assert len(spared.detect(porch((0, 500), seed=2), 60)) == 1
    assert len(spared.detect(porch((0, 500), (1, 800), seed=3), 60)) == 2


def test_who_stood_there_from_the_beginning_is_found(hog: CountedHog) -> None:
    spared = HogWhereMoved(hog)
    for seed in range(3):
        assert len(spared.detect(porch((0, 500), seed=seed), 60)) == 1


def test_something_else_that_moves_hides_nobody(hog: CountedHog) -> None:
    spared = HogWhereMoved(hog)
    spared.detect(porch(), 60)
    # Learned as the porch although somebody is in it, as where he looked away before.
    spared._empty = cv2.resize(
        cv2.cvtColor(porch((0, 700)), cv2.COLOR_RGB2GRAY),
        (WIDTH // 16, HEIGHT // 16),
        interpolation=cv2.INTER_AREA,
    )
    frame = porch((0, 700), seed=4)
    frame[100:200, 100:200] = 20
    assert len(spared.detect(frame, 60)) == 1


def test_another_size_of_frame_is_searched_whole(hog: CountedHog) -> None:
    spared = HogWhereMoved(hog)
    spared.detect(porch(), 60)
    frame = porch((0, 700))[200:, 600:]
    assert len(spared.detect(frame, 60)) == 1
