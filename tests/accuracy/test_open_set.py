"""At the operating point strangers are not named and enrolled people are.

One fixed draw of LFW: 12 people enrolled with three photographs each, two further
photographs of each and 60 strangers at the door. 120 faces, some 0.1 s each.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from config.vision import Vision
from doorbell.adapters.faces_dlib import open_engine
from doorbell.core.decision import Decision
from doorbell.core.faces import Gallery, decide
from doorbell.core.separation import separation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from doorbell.ports.faces import Engine

LFW = Path(os.environ.get("DOORBELL_TEST_DATA", "../shared/data")) / "lfw"
ENROLLED, PHOTOS, PROBES, STRANGERS = 12, 3, 2, 60
CENTRE = 125

pytestmark = pytest.mark.skipif(not LFW.is_dir(), reason=f"no photographs below {LFW}")

Rows = list[tuple[str, "NDArray[np.float32]"]]


def embedded(engine: Engine, path: Path) -> NDArray[np.float32] | None:
    rgb = np.array(Image.open(path).convert("RGB"))
    found = engine.detector.detect(rgb, 60)
    if not found:
        return None
    # The person a photograph of LFW is named for is in its middle.
    face = min(
        found,
        key=lambda f: (
            abs(f.box.x + f.box.w / 2 - CENTRE) + abs(f.box.y + f.box.h / 2 - CENTRE)
        ),
    )
    row: NDArray[np.float32] = engine.embedder.embed(
        [engine.embedder.align(rgb, face)]
    )[0]
    return row


def some(people: Sequence[Path], count: int) -> list[Path]:
    """Every n-th, so that the draw is fixed and not the beginning of the alphabet."""
    return list(people[:: max(1, len(people) // count)][:count])


@pytest.fixture(scope="module")
def engine() -> Engine:
    pytest.importorskip("dlib", reason="dlib is not installed")
    return open_engine(Vision())


def people(least: int, most: int) -> list[Path]:
    """Everybody with so many photographs."""
    return [
        folder
        for folder in sorted(LFW.iterdir())
        if least <= len(list(folder.glob("*.jpg"))) <= most
    ]


def rows(engine: Engine, folders: Sequence[Path], photos: slice) -> Rows:
    return [
        (folder.name, row)
        for folder in folders
        for path in sorted(folder.glob("*.jpg"))[photos]
        if (row := embedded(engine, path)) is not None
    ]


@pytest.fixture(scope="module")
def enrolled() -> list[Path]:
    return some(people(PHOTOS + PROBES, 8), ENROLLED)


@pytest.fixture(scope="module")
def gallery(engine: Engine, enrolled: list[Path]) -> Gallery:
    found = rows(engine, enrolled, slice(PHOTOS))
    return Gallery([who for who, _ in found], np.stack([row for _, row in found]))


def test_gallery_of_true_photographs_separates(
    engine: Engine, gallery: Gallery
) -> None:
    found = separation(gallery, engine.embedder.likeness, engine.point)
    assert found.photos == len(gallery.person_ids)
    # Judged by two others: over 100 draws 89 % in the median, 67 % at worst.
    assert found.right >= found.photos * 0.7


def test_enrolled_people_are_named_and_never_as_each_other(
    engine: Engine, enrolled: list[Path], gallery: Gallery
) -> None:
    probes = rows(engine, enrolled, slice(PHOTOS, PHOTOS + PROBES))
    nearest = [gallery.nearest(row, engine.embedder.likeness) for _, row in probes]
    decisions = [decide(found, engine.point) for found in nearest]
    named = [
        (who, found.person_id)
        for (who, _), found, decision in zip(probes, nearest, decisions, strict=True)
        if found is not None and decision is Decision.KNOWN
    ]
    assert len(probes) >= ENROLLED * PROBES * 0.9
    assert all(who == named_as for who, named_as in named)
    # Over 60 draws 92 % are named in a single frame and 99 % named or unsure; of this
    # draw 18 of 23, which is one of the worse.
    assert len(named) >= len(probes) * 0.75
    assert decisions.count(Decision.UNKNOWN) <= len(probes) * 0.1


@pytest.mark.parametrize("half", [0, 1])
def test_strangers_are_not_named(engine: Engine, gallery: Gallery, half: int) -> None:
    folders = some(people(1, 1), STRANGERS)[half::2]
    strangers = rows(engine, folders, slice(1))
    answers = [
        decide(gallery.nearest(row, engine.embedder.likeness), engine.point)
        for _, row in strangers
    ]
    assert len(answers) >= len(folders) * 0.95
    # Measured rate 0.5 % a frame with 20 enrolled: of 30, one is bad luck, two are not.
    assert answers.count(Decision.KNOWN) <= 1
    assert answers.count(Decision.UNSURE) <= len(answers) * 0.15
