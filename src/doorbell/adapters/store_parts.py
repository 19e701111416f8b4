"""What the parts of the store share: the opened state, and sealed faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from doorbell.adapters.store_rows import SealedFaces, readable
from doorbell.adapters.vault import Owner

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from doorbell.adapters.picture_folder import PictureFolder
    from doorbell.adapters.reserve import Reserve
    from doorbell.adapters.store_database import Database
    from doorbell.adapters.vault import Vault
    from doorbell.core.retention import RetentionLimits

_FACES = msgspec.json.Decoder(SealedFaces)


@dataclass(slots=True)
class StoreParts:
    """An opened state directory.

    Attributes:
        random: source of new person ids.
    """

    database: Database
    vault: Vault
    pictures: PictureFolder
    reserve: Reserve
    limits: RetentionLimits
    reserve_bytes: int
    random: Callable[[int], bytes]

    def seal_faces(self, visit_id: str, key: bytes, faces: SealedFaces) -> bytes | None:
        """Seal a visit's faces under its key; None when there are none."""
        if not faces.verdicts and not faces.labels:
            return None
        plain = msgspec.json.encode(faces)
        return self.vault.seal(key, plain, Owner("visit-faces", visit_id))

    def open_faces(self, row: sqlite3.Row) -> SealedFaces:
        """Open the faces of a row of `visits`.

        Raises:
            StorageError: damaged, or under another master key.
        """
        if row["faces"] is None:
            return SealedFaces()
        key = self.faces_key(row)
        owner = Owner("visit-faces", row["id"])
        plain = self.vault.unseal(key, row["faces"], owner)
        with readable(f"the faces of visit {row['id']}"):
            return _FACES.decode(plain)

    def faces_key(self, row: sqlite3.Row) -> bytes:
        """Open the key of a visit's faces."""
        return self.vault.open_key(row["faces_key"], Owner("faces-key", row["id"]))
