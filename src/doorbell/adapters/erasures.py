"""The list of who was erased, kept where the backups are.

An older backup still holds them: with this list beside it, bringing it back does not
bring them back. A line is a keyed hash, of use to nobody who has not the master key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.adapters.durable_file import write_file
from doorbell.core.errors import BadInputError
from doorbell.ports.store import Tombstone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from doorbell.core.stamp import Stamp

NAME = "doorbell-erased"
_DIGEST_BYTES = 32
# More people than any house erases.
_MAX_BYTES = 1 << 20


def write_erasures(folder: Path, tombstones: Sequence[Tombstone]) -> None:
    """Write the whole list durably, keeping what an earlier state had noted.

    Raises:
        StorageError: the medium is not there, or full.
        BadInputError: what is there is no such list.
    """
    path = folder / NAME
    known = {one.digest.hex() for one in tombstones}
    if path.exists():
        known |= _lines(path)
    write_file(path, "".join(f"{line}\n" for line in sorted(known)).encode())


def read_erasures(path: Path, stamp: Stamp) -> list[Tombstone]:
    """Read a list; an absent one is empty.

    Raises:
        BadInputError: it is no such list.
    """
    if not path.exists():
        return []
    return [Tombstone(bytes.fromhex(line), stamp) for line in sorted(_lines(path))]


def _lines(path: Path) -> set[str]:
    try:
        with path.open("rb") as file:
            lines = file.read(_MAX_BYTES).decode("ascii").split()
        digests = [bytes.fromhex(line) for line in lines]
    except (OSError, ValueError) as error:
        raise _unusable(path) from error
    if any(len(digest) != _DIGEST_BYTES for digest in digests):
        raise _unusable(path)
    return set(lines)


def _unusable(path: Path) -> BadInputError:
    msg = f"{path} is no list of erased people"
    return BadInputError(msg, hint="Move it away if it is not yours.")
