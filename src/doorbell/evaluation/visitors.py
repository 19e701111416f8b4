"""Who comes to the door of a measurement: photographs, or faces the fake engine knows.

The photographs are those of the demonstration: published with the sources of
face_recognition 1.3.0 and scikit-image, fetched by `make demo` and `make bench`.
"""

from __future__ import annotations

import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.core.decision import Box
from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

NAME = "Barack Obama"
ENROLLED = ("obama.jpg", "obama3.jpg")
FACES_PREFIX = "face_recognition-1.3.0/tests/test_images/"
ASTRONAUT = "skimage/data/astronaut.png"
KNOWN_HUE, STRANGER_HUE = 0.0, 240.0


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who stands at the door, and what the doorbell should say."""

    picture: str
    who: str
    decision: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Company:
    """Everybody who comes, and by which photographs one of them is enrolled."""

    name: str
    photos: tuple[Path, ...]
    visitors: tuple[Visitor, ...]


PHOTOGRAPHED = (
    Visitor("obama2.jpg", "the enrolled person, another photograph", "known", NAME),
    Visitor("biden.jpg", "a stranger", "unknown"),
    Visitor("astronaut.png", "another stranger", "unknown"),
    Visitor("porch.png", "an empty porch", "nobody"),
)
PAINTED = (
    Visitor("anna.png", "the enrolled square", "known", "Anna"),
    Visitor("stranger.png", "another square", "unknown"),
    Visitor("porch.png", "an empty porch", "nobody"),
)


def photographed(pictures: Path, porch: Path, work: Path) -> Company:
    """Take the photographs out of their archives.

    Args:
        pictures: folder with `archives`, as `make demo` leaves it.
        porch: where the visitors' pictures go.
        work: where the photographs for enrolment go.

    Raises:
        BadInputError: the archives are not there.
    """
    archives = pictures / "archives"
    sources = sorted(archives.glob("face_recognition-1.3.0.tar.gz"))
    wheels = sorted(archives.glob("scikit_image-*.whl"))
    if not sources or not wheels:
        msg = f"the photographs are not in {archives}"
        raise BadInputError(msg, hint="`make demo` fetches them.")
    with tarfile.open(sources[0]) as archive:
        for name in (*ENROLLED, "obama2.jpg", "biden.jpg"):
            member = archive.extractfile(FACES_PREFIX + name)
            folder = work if name in ENROLLED else porch
            if member is not None:
                (folder / name).write_bytes(member.read())
    with zipfile.ZipFile(wheels[0]) as wheel:
        (porch / "astronaut.png").write_bytes(wheel.read(ASTRONAUT))
    draw_porch(porch / "porch.png")
    return Company(NAME, tuple(work / name for name in ENROLLED), PHOTOGRAPHED)


def draw_porch(path: Path) -> None:
    """Draw a porch with nobody on it: a wall, a path and a door frame."""
    # Pillow is not among the libraries every installation has.
    from PIL import Image, ImageDraw  # noqa: PLC0415 - see above

    picture = Image.new("RGB", (1280, 720), (126, 134, 140))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 470, 1280, 720), fill=(96, 92, 84))
    draw.polygon([(480, 720), (800, 720), (690, 470), (590, 470)], fill=(150, 146, 136))
    draw.rectangle((160, 120, 330, 470), fill=(72, 58, 46))
    for x in range(880, 1200, 80):
        draw.rectangle((x, 330, x + 14, 470), fill=(60, 70, 58))
    picture.save(path)


def painted(porch: Path, width: int, height: int) -> Company:
    """Paint faces for the fake engine, in the size of the camera."""
    for visitor, hue in zip(PAINTED, (KNOWN_HUE, STRANGER_HUE, None), strict=True):
        paint(porch / visitor.picture, width, height, hue)
    known = porch / PAINTED[0].picture
    return Company("Anna", (known, known), PAINTED)


def paint(path: Path, width: int, height: int, hue: float | None) -> None:
    """Paint one picture; `hue` None for an empty porch."""
    from PIL import Image  # noqa: PLC0415 - as above

    # numpy comes with it: only a process that paints loads it.
    from doorbell.testing.faces import Marker, scene  # noqa: PLC0415 - see above

    side = height // 2
    box = Box((width - side) // 2, height // 4, side, side)
    rgb = scene(width, height, [] if hue is None else [Marker(hue, box)])
    _stripe(rgb, box)
    Image.fromarray(rgb).save(path)


def _stripe(rgb: NDArray[np.uint8], box: Box) -> None:
    # Stripes of the same hue, so that the square counts as sharp.
    area = rgb[box.y : box.y + box.h, box.x : box.x + box.w]
    for x in range(0, box.w, 16):
        area[:, x : x + 8] = area[:, x : x + 8] // 5 * 3
