"""Recognition runs inside the hardened unit: no memory is both written and executed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from door import SLOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from door import Door

DATA = Path(os.environ.get("DOORBELL_TEST_DATA", "")) / "lfw" / "Colin_Powell"
PHOTOS = [DATA / f"Colin_Powell_{number:04}.jpg" for number in (1, 2)]

pytestmark = [
    pytest.mark.systemd,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not os.environ.get("FULL"), reason="engines: FULL=1"),
    pytest.mark.skipif(not PHOTOS[1].exists(), reason="no photographs of LFW"),
]


def use(door: Door, engine: str) -> None:
    """Have recognition done by this engine."""
    setting = f's/^engine = .*/engine = "{engine}"/'
    door.machine.run(f"sed -i '{setting}' /etc/doorbell/doorbell.toml")
    door.machine.run(f"systemctl restart {SLOT}")
    door.ready(90.0)


@pytest.fixture
def photos(door: Door) -> Iterator[list[str]]:
    """Two photographs of one man, and the fake engine again afterwards."""
    for photo in PHOTOS:
        shutil.copy(photo, door.machine.folder / "share")
    yield [f"/mnt/{photo.name}" for photo in PHOTOS]
    use(door, "fake")


def test_an_engine_knows_whom_it_was_shown(door: Door, photos: list[str]) -> None:
    for engine in ("dlib", "dlib-onnx"):
        use(door, engine)
        if engine == "dlib":
            door.machine.run(f"doorbell enrol Colin {photos[0]} --consent test")
        said = door.machine.run(f"doorbell press --image {photos[1]} --json")
        visit = json.loads(said.splitlines()[-1])
        assert [face["name"] for face in visit["faces"]] == ["Colin"], engine
