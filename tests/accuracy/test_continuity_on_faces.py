"""On real faces: a visitor who stays is found again, another one is not her."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from doorbell.core.continuity import find, patch_of
from doorbell.core.decision import Box

DATA = Path(os.environ.get("DOORBELL_TEST_DATA", "../shared/data")) / "lfw"
# Where the faces of LFW are, in pictures enlarged twice.
BOX = Box(160, 160, 180, 180)
COUNT = 120


@pytest.fixture(scope="module")
def photographs() -> list[np.ndarray]:
    if not DATA.is_dir():
        pytest.skip(f"no photographs in {DATA}")
    paths = sorted(DATA.glob("*/*_0001.jpg"))[::9][:COUNT]
    pictures = [cv2.imread(str(path)) for path in paths]
    return [cv2.resize(one, None, fx=2, fy=2) for one in pictures]


def moved(photograph: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same visitor a moment later: shifted, turned, relit, with other noise."""
    turn = cv2.getRotationMatrix2D(
        (250, 250), rng.uniform(-4, 4), rng.uniform(0.96, 1.04)
    )
    turn[:, 2] += rng.uniform(-25, 25, 2)
    warped = cv2.warpAffine(photograph, turn, (500, 500), borderMode=cv2.BORDER_REFLECT)
    noisy = warped * rng.uniform(0.9, 1.05) + rng.normal(0, 4, warped.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def test_a_visitor_who_stays_is_mostly_found_again(
    photographs: list[np.ndarray],
) -> None:
    rng = np.random.default_rng(1)
    found = 0
    for photograph in photographs:
        patch = patch_of(photograph, BOX)
        assert patch is not None
        found += find(patch, moved(photograph, rng)) is not None
    assert found / len(photographs) >= 0.8


def test_nobody_lends_her_name_to_who_steps_into_her_place(
    photographs: list[np.ndarray],
) -> None:
    mistaken = 0
    for mine, theirs in itertools.pairwise(photographs):
        patch = patch_of(mine, BOX)
        assert patch is not None
        mistaken += find(patch, theirs) is not None
    assert mistaken == 0
