"""Photographs sorted by person in folders, and lists of pairs of them.

The layout is that of Labeled Faces in the Wild: `NAME/NAME_NNNN.jpg`; any folder of
folders will do, with one face to be measured in the middle of each photograph.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
# NAME i j: the same person; NAME i NAME j: two.
SAME_FIELDS, OTHER_FIELDS = 3, 4


class DataSetError(BadInputError):
    """A folder or a list is not laid out as described."""

    hint = "Wanted: one folder a person with their photographs, as NAME/NAME_0001.jpg."


class Half(StrEnum):
    """Which people: those that constants are derived on, or those never used for it."""

    ALL = "all"
    DERIVED = "derived"
    REPORTED = "reported"

    def has(self, name: str) -> bool:
        """Whether a person belongs to it: by the second byte of the name's SHA-256."""
        is_even = hashlib.sha256(name.encode()).digest()[1] % 2 == 0
        match self:
            case Half.ALL:
                return True
            case Half.DERIVED:
                return is_even
            case Half.REPORTED:
                return not is_even


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photographs, and whether they show one person."""

    one: Path
    other: Path
    is_same: bool
    person: str


def by_person(folder: Path, half: Half = Half.ALL) -> dict[str, list[Path]]:
    """Return everybody's photographs, sorted.

    Raises:
        DataSetError: there are none.
    """
    if not folder.is_dir():
        msg = f"{folder} is no folder"
        raise DataSetError(msg)
    found = {
        person.name: photos
        for person in sorted(folder.iterdir())
        if person.is_dir() and half.has(person.name)
        if (photos := sorted(_photos(person)))
    }
    if not found:
        msg = f"there are no photographs in folders below {folder}"
        raise DataSetError(msg)
    return found


def _photos(person: Path) -> list[Path]:
    return [path for path in person.iterdir() if path.suffix.lower() in SUFFIXES]


def read_pairs(listing: Path, folder: Path) -> list[Pair]:
    """Return the pairs of a list.

    Args:
        listing: lines of `NAME i j` or `NAME i NAME j`, separated by tabs or spaces;
            a first line of numbers, as the published list has, is passed over.
        folder: where the photographs are.

    Raises:
        DataSetError: a line says something else, or there is none.
    """
    try:
        lines = listing.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{listing} cannot be read: {error}"
        raise DataSetError(msg) from error
    pairs = [
        _pair(line.split(), folder, f"{listing}, line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not all(word.isdigit() for word in line.split())
    ]
    if not pairs:
        msg = f"{listing} lists no pairs"
        raise DataSetError(msg)
    return pairs


def _pair(words: list[str], folder: Path, place: str) -> Pair:
    if len(words) == SAME_FIELDS:
        words = [words[0], words[1], words[0], words[2]]
        is_same = True
    elif len(words) == OTHER_FIELDS:
        is_same = words[0] == words[2]
    else:
        msg = f"{place}: wanted NAME i j, or NAME i NAME j"
        raise DataSetError(msg)
    one, i, other, j = words
    paths = _numbered(folder, one, i, place), _numbered(folder, other, j, place)
    return Pair(*paths, is_same, one)


def _numbered(folder: Path, name: str, number: str, place: str) -> Path:
    if not number.isdigit() or "/" in name:
        msg = f"{place}: {number!r} is no number of a photograph of {name!r}"
        raise DataSetError(msg)
    return folder / name / f"{name}_{int(number):04}.jpg"


def made_pairs(people: dict[str, list[Path]]) -> list[Pair]:
    """Make pairs of a folder without a list: each person's first photographs.

    Everybody's first two photographs, and as often two neighbours' first ones.
    """
    several = {name: photos for name, photos in people.items() if len(photos) > 1}
    if len(several) < 2:  # noqa: PLR2004 - two people make a pair of strangers
        msg = "pairs need two people with two photographs each"
        raise DataSetError(msg)
    names = list(several)
    pairs = []
    for name, neighbour in zip(names, names[1:] + names[:1], strict=True):
        first, second = several[name][:2]
        pairs += [
            Pair(first, second, is_same=True, person=name),
            Pair(first, several[neighbour][0], is_same=False, person=name),
        ]
    return pairs
