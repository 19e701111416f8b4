"""Enrolled people in `state.db`, each under a key of their own.

Erasing destroys that key and every trace in the visits; a tombstone makes a restored
backup forget the person again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.adapters.store_parts import StoreParts
from doorbell.adapters.store_rows import (
    STAMP,
    SealedFaces,
    stamp_of,
    stamp_values,
)
from doorbell.adapters.vault import Owner
from doorbell.core.erasure import mentions, without
from doorbell.core.errors import BadInputError, StorageError
from doorbell.core.names import clean_consent, clean_name, free_name, name_key
from doorbell.ports.store import EnrolledPhoto, PersonRecord, Tombstone

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from doorbell.core.stamp import Stamp
    from doorbell.ports.store import NewEmbedding

_ID_BYTES = 16
_FLOAT_BYTES = 4


class PeopleRows(StoreParts):
    """`ports.store.PeopleStore`."""

    __slots__ = ()

    def people(self) -> list[PersonRecord]:
        """See the port."""
        with self.database.read() as connection:
            found = self._people(connection)
        return sorted(found, key=lambda person: name_key(person.name))

    def enrol(
        self,
        name: str,
        consent: str,
        photos: Sequence[EnrolledPhoto],
        stamp: Stamp,
        person_id: str | None = None,
    ) -> PersonRecord:
        """See the port."""
        if not photos:
            msg = "there is no photograph to enrol"
            raise BadInputError(msg, hint="Give at least one with a clear face.")
        with self.database.write() as connection:
            if person_id is None:
                person_id = self._insert_person(connection, name, consent, stamp)
            else:
                self._update(connection, person_id, name, consent)
                self._stamp(connection, person_id, stamp)
            self._add_photos(connection, person_id, photos)
            return self._person(connection, person_id)

    def rename(self, person_id: str, name: str) -> None:
        """See the port."""
        with self.database.write() as connection:
            key = self._key(_row(connection, person_id))
            cleaned = self._free_name(connection, name, person_id)
            self._set(connection, person_id, key, "name", cleaned)

    def erase(self, person_id: str, stamp: Stamp) -> int:
        """See the port.

        Old rows are overwritten and the log is emptied; if another program is just
        reading the database, or the disk fails at that, the next `prune` empties it.
        """
        with self.database.write() as connection:
            _row(connection, person_id)
            paths = self._erase(connection, person_id)
            digest = self.vault.tombstone(person_id)
            _bury(connection, Tombstone(digest, stamp))
        self._clear(paths)
        return len(paths)

    def tombstones(self) -> list[Tombstone]:
        """See the port."""
        with self.database.read() as connection:
            rows = connection.execute("SELECT * FROM tombstones").fetchall()
        return [Tombstone(row["digest"], stamp_of(row)) for row in rows]

    def honour_tombstones(self, tombstones: Sequence[Tombstone]) -> int:
        """See the port."""
        digests = {tombstone.digest for tombstone in tombstones}
        paths: list[str] = []
        with self.database.write() as connection:
            rows = connection.execute("SELECT id FROM people").fetchall()
            doomed = [
                row["id"] for row in rows if self.vault.tombstone(row["id"]) in digests
            ]
            for person_id in doomed:
                paths += self._erase(connection, person_id)
            for tombstone in tombstones:
                _bury(connection, tombstone)
        self._clear(paths)
        return len(doomed)

    def photos(self, person_id: str) -> Iterator[EnrolledPhoto]:
        """See the port."""
        with self.database.read() as connection:
            key = self._key(_row(connection, person_id))
            ids = connection.execute(
                "SELECT id FROM photos WHERE person_id = ? ORDER BY seq", (person_id,)
            ).fetchall()
        for row in ids:
            yield self._photo(key, row["id"])

    def replace_embeddings(self, changes: Sequence[NewEmbedding]) -> int:
        """See the port."""
        with self.database.write() as connection:
            return sum(
                self._replace_embedding(connection, change) for change in changes
            )

    def gallery(self, space: str) -> tuple[list[str], bytes]:
        """See the port."""
        keys: dict[str, bytes] = {}
        person_ids: list[str] = []
        rows = bytearray()
        with self.database.read() as connection:
            for person in connection.execute("SELECT * FROM people").fetchall():
                keys[person["id"]] = self._key(person)
            found = connection.execute(
                "SELECT id, person_id, embedding FROM photos WHERE space = ? "
                "ORDER BY seq",
                (space,),
            )
            for row in found:
                owner = Owner("photo-embedding", row["id"])
                key = keys[row["person_id"]]
                rows += self.vault.unseal(key, row["embedding"], owner)
                person_ids.append(row["person_id"])
        return person_ids, bytes(rows)

    def _people(self, connection: sqlite3.Connection) -> list[PersonRecord]:
        rows = connection.execute(
            "SELECT people.*, (SELECT count(*) FROM photos "
            "WHERE person_id = people.id) AS photos FROM people"
        ).fetchall()
        return [self._person_of(row) for row in rows]

    def _person(self, connection: sqlite3.Connection, person_id: str) -> PersonRecord:
        return next(
            person for person in self._people(connection) if person.id == person_id
        )

    def _person_of(self, row: sqlite3.Row) -> PersonRecord:
        key = self._key(row)
        texts = {
            column: self.vault.unseal(
                key, row[column], Owner(f"person-{column}", row["id"])
            ).decode()
            for column in ("name", "consent")
        }
        return PersonRecord(
            id=row["id"],
            name=texts["name"],
            consent=texts["consent"],
            enrolled=stamp_of(row),
            photos=row["photos"],
            reference=self.vault.reference(key, row["id"]),
        )

    def _key(self, row: sqlite3.Row) -> bytes:
        return self.vault.open_key(row["key"], Owner("person-key", row["id"]))

    def _free_name(
        self, connection: sqlite3.Connection, name: str, person_id: str | None
    ) -> str:
        enrolled = [(person.id, person.name) for person in self._people(connection)]
        return free_name(name, enrolled, person_id)

    def _insert_person(
        self, connection: sqlite3.Connection, name: str, consent: str, stamp: Stamp
    ) -> str:
        cleaned = self._free_name(connection, name, None)
        consented = clean_consent(consent)
        person_id = self.random(_ID_BYTES).hex()
        key, wrapped = self.vault.new_key(Owner("person-key", person_id))
        connection.execute(
            f"INSERT INTO people (id, key, name, consent, {STAMP}) "  # noqa: S608 - a constant
            "VALUES (?, ?, x'', x'', ?, ?, ?, ?)",
            (person_id, wrapped, *stamp_values(stamp)),
        )
        self._set(connection, person_id, key, "name", cleaned)
        self._set(connection, person_id, key, "consent", consented)
        return person_id

    def _update(
        self, connection: sqlite3.Connection, person_id: str, name: str, consent: str
    ) -> None:
        key = self._key(_row(connection, person_id))
        person = self._person(connection, person_id)
        if name and name_key(clean_name(name)) != name_key(person.name):
            msg = f"{person_id} is enrolled under another name"
            raise BadInputError(msg, hint="Change it with `doorbell people rename`.")
        if consent:
            self._set(connection, person_id, key, "consent", clean_consent(consent))

    def _stamp(
        self, connection: sqlite3.Connection, person_id: str, stamp: Stamp
    ) -> None:
        connection.execute(
            f"UPDATE people SET ({STAMP}) = (?, ?, ?, ?) WHERE id = ?",  # noqa: S608 - a constant
            (*stamp_values(stamp), person_id),
        )

    def _set(
        self,
        connection: sqlite3.Connection,
        person_id: str,
        key: bytes,
        column: str,
        text: str,
    ) -> None:
        sealed = self.vault.seal(
            key, text.encode(), Owner(f"person-{column}", person_id)
        )
        # `column` is one of two constants.
        connection.execute(
            f"UPDATE people SET {column} = ? WHERE id = ?",  # noqa: S608
            (sealed, person_id),
        )

    def _add_photos(
        self,
        connection: sqlite3.Connection,
        person_id: str,
        photos: Sequence[EnrolledPhoto],
    ) -> None:
        key = self._key(_row(connection, person_id))
        for photo in photos:
            photo_id = self.random(_ID_BYTES).hex()
            embedding = self.vault.seal(
                key, photo.embedding, Owner("photo-embedding", photo_id)
            )
            _check_embedding(connection, photo.embedding, photo.space, len(embedding))
            jpeg = self.vault.seal(key, photo.jpeg, Owner("photo-jpeg", photo_id))
            connection.execute(
                "INSERT INTO photos (id, person_id, space, embedding, jpeg) "
                "VALUES (?, ?, ?, ?, ?)",
                (photo_id, person_id, photo.space, embedding, jpeg),
            )

    def _replace_embedding(
        self, connection: sqlite3.Connection, change: NewEmbedding
    ) -> int:
        row = connection.execute(
            "SELECT people.id, people.key FROM people "
            "JOIN photos ON photos.person_id = people.id WHERE photos.id = ?",
            (change.photo_id,),
        ).fetchone()
        if row is None:
            return 0
        owner = Owner("photo-embedding", change.photo_id)
        sealed = self.vault.seal(self._key(row), change.embedding, owner)
        # The old one must not count as another of its space.
        connection.execute(
            "UPDATE photos SET space = '' WHERE id = ?", (change.photo_id,)
        )
        _check_embedding(connection, change.embedding, change.space, len(sealed))
        connection.execute(
            "UPDATE photos SET space = ?, embedding = ? WHERE id = ?",
            (change.space, sealed, change.photo_id),
        )
        return 1

    def _photo(self, key: bytes, photo_id: str) -> EnrolledPhoto:
        with self.database.read() as connection:
            row = connection.execute(
                "SELECT * FROM photos WHERE id = ?", (photo_id,)
            ).fetchone()
        if row is None:
            msg = "the person was erased meanwhile"
            raise BadInputError(msg)
        return EnrolledPhoto(
            jpeg=self.vault.unseal(key, row["jpeg"], Owner("photo-jpeg", photo_id)),
            embedding=self.vault.unseal(
                key, row["embedding"], Owner("photo-embedding", photo_id)
            ),
            space=row["space"],
            id=photo_id,
        )

    def _erase(self, connection: sqlite3.Connection, person_id: str) -> list[str]:
        """Delete a person; returns the files of the pictures that go."""
        paths = []
        for row in connection.execute(
            "SELECT * FROM visits WHERE faces IS NOT NULL"
        ).fetchall():
            faces = self._without(row, person_id)
            if faces is None:
                continue
            if row["picture_key"] is not None:
                paths.append(row["picture_path"])
            # A new key, so that the old verdicts are gone wherever they were copied.
            key, wrapped = self.vault.new_key(Owner("faces-key", row["id"]))
            connection.execute(
                "UPDATE visits SET faces_key = ?, faces = ?, picture_key = NULL, "
                "picture_path = NULL, picture_bytes = 0 WHERE id = ?",
                (wrapped, self.seal_faces(row["id"], key, faces), row["id"]),
            )
        connection.execute("DELETE FROM people WHERE id = ?", (person_id,))
        return paths

    def _without(self, row: sqlite3.Row, person_id: str) -> SealedFaces | None:
        """Return a visit's faces without a person, None if they show no such one."""
        try:
            faces = self.open_faces(row)
        except StorageError:
            # Nobody can tell whom it shows, so it may show this person.
            return SealedFaces()
        if not mentions(faces.verdicts, faces.labels, person_id):
            return None
        return SealedFaces(*without(faces.verdicts, faces.labels, person_id))

    def _clear(self, paths: list[str]) -> None:
        self.pictures.remove(paths)
        self.database.truncate_log()


def _row(connection: sqlite3.Connection, person_id: str) -> sqlite3.Row:
    found = connection.execute("SELECT * FROM people WHERE id = ?", (person_id,))
    row: sqlite3.Row | None = found.fetchone()
    if row is None:
        msg = f"nobody enrolled has the id {person_id}"
        raise BadInputError(msg, hint="`doorbell people list` shows the ids.")
    return row


def _bury(connection: sqlite3.Connection, tombstone: Tombstone) -> None:
    connection.execute(
        f"INSERT INTO tombstones (digest, {STAMP}) "  # noqa: S608 - a constant
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
        (tombstone.digest, *stamp_values(tombstone.stamp)),
    )


def _check_embedding(
    connection: sqlite3.Connection, embedding: bytes, space: str, sealed_bytes: int
) -> None:
    """Refuse an embedding that cannot be compared with the others of its space."""
    if not embedding or len(embedding) % _FLOAT_BYTES:
        msg = f"an embedding of {len(embedding)} bytes is no row of float32"
        raise BadInputError(msg)
    # Sealing adds the same to all, so lengths can be compared without opening them.
    odd = connection.execute(
        "SELECT 1 FROM photos WHERE space = ? AND length(embedding) != ? LIMIT 1",
        (space, sealed_bytes),
    ).fetchone()
    if odd is not None:
        msg = "the embedding has another length than those enrolled before"
        raise BadInputError(msg, hint="Enrol everybody anew with the present engine.")
