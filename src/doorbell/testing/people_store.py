"""Enrolled people in memory, and the faults a test scripts."""

from __future__ import annotations

import errno
import hashlib
import os
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from doorbell.core.errors import BadInputError, DiskFullError, StorageError
from doorbell.core.names import clean_consent, clean_name, free_name, name_key
from doorbell.ports.store import EnrolledPhoto, PersonRecord, Tombstone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from doorbell.core.stamp import Stamp
    from doorbell.ports.store import NewEmbedding

Fault = Literal["ENOSPC", "EIO", "EROFS"]


@dataclass(slots=True)
class MemoryPeople:
    """`ports.store.PeopleStore` without a disk."""

    _people: dict[str, PersonRecord] = field(default_factory=dict)
    _photos: dict[str, list[EnrolledPhoto]] = field(default_factory=dict)
    _tombstones: dict[bytes, Tombstone] = field(default_factory=dict)
    _faults: deque[Fault] = field(default_factory=deque)

    def fail_next(self, *faults: Fault) -> None:
        """Let the next calls that change something fail so, one fault a call."""
        self._faults.extend(faults)

    def people(self) -> list[PersonRecord]:
        """See the port."""
        return sorted(self._people.values(), key=lambda person: name_key(person.name))

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
            raise BadInputError(msg)
        self._fault()
        if person_id is None:
            person = PersonRecord(
                id=os.urandom(16).hex(),
                name=self._free_name(name, None),
                consent=clean_consent(consent),
                enrolled=stamp,
                photos=0,
                reference=os.urandom(16).hex(),
            )
        else:
            person = self._enrolled(person_id)
            if name and name_key(clean_name(name)) != name_key(person.name):
                msg = f"{person_id} is enrolled under another name"
                raise BadInputError(msg)
            person = replace(person, enrolled=stamp)
            if consent:
                person = replace(person, consent=clean_consent(consent))
        self._check_embeddings(photos)
        new = [replace(photo, id=os.urandom(16).hex()) for photo in photos]
        kept = [*self._photos.get(person.id, ()), *new]
        self._photos[person.id] = kept
        self._people[person.id] = replace(person, photos=len(kept))
        return self._people[person.id]

    def rename(self, person_id: str, name: str) -> None:
        """See the port."""
        self._fault()
        person = self._enrolled(person_id)
        self._people[person_id] = replace(person, name=self._free_name(name, person_id))

    def erase(self, person_id: str, stamp: Stamp) -> int:
        """See the port."""
        self._fault()
        self._enrolled(person_id)
        digest = _digest(person_id)
        self._tombstones.setdefault(digest, Tombstone(digest, stamp))
        return self._forget(person_id)

    def tombstones(self) -> list[Tombstone]:
        """See the port."""
        return list(self._tombstones.values())

    def honour_tombstones(self, tombstones: Sequence[Tombstone]) -> int:
        """See the port."""
        self._fault()
        for tombstone in tombstones:
            self._tombstones.setdefault(tombstone.digest, tombstone)
        digests = {tombstone.digest for tombstone in tombstones}
        doomed = [known for known in self._people if _digest(known) in digests]
        for person_id in doomed:
            self._forget(person_id)
        return len(doomed)

    def photos(self, person_id: str) -> Iterator[EnrolledPhoto]:
        """See the port."""
        self._enrolled(person_id)
        yield from self._photos[person_id]

    def replace_embeddings(self, changes: Sequence[NewEmbedding]) -> int:
        """See the port."""
        self._fault()
        before = {key: list(photos) for key, photos in self._photos.items()}
        wanted = {change.photo_id: change for change in changes}
        replaced = 0
        for photos in self._photos.values():
            for place, photo in enumerate(photos):
                if (change := wanted.get(photo.id)) is not None:
                    new = EnrolledPhoto(
                        photo.jpeg, change.embedding, change.space, photo.id
                    )
                    photos[place] = new
                    replaced += 1
        try:
            self._check_embeddings([p for all_ in self._photos.values() for p in all_])
        except BadInputError:
            self._photos = before
            raise
        return replaced

    def gallery(self, space: str) -> tuple[list[str], bytes]:
        """See the port."""
        rows = [
            (person_id, photo.embedding)
            for person_id, photos in self._photos.items()
            for photo in photos
            if photo.space == space
        ]
        return [row[0] for row in rows], b"".join(row[1] for row in rows)

    def _fault(self) -> None:
        if not self._faults:
            return
        fault = self._faults.popleft()
        message = f"scripted: {os.strerror(getattr(errno, fault))}"
        raise DiskFullError(message) if fault == "ENOSPC" else StorageError(message)

    def _enrolled(self, person_id: str) -> PersonRecord:
        person = self._people.get(person_id)
        if person is None:
            msg = f"nobody enrolled has the id {person_id}"
            raise BadInputError(msg)
        return person

    def _free_name(self, name: str, person_id: str | None) -> str:
        enrolled = [(person.id, person.name) for person in self._people.values()]
        return free_name(name, enrolled, person_id)

    def _check_embeddings(self, photos: Sequence[EnrolledPhoto]) -> None:
        lengths = {
            photo.space: len(photo.embedding)
            for known in self._photos.values()
            for photo in known
        }
        for photo in photos:
            length = lengths.setdefault(photo.space, len(photo.embedding))
            if not length or length % 4 or len(photo.embedding) != length:
                msg = f"an embedding of {len(photo.embedding)} bytes does not fit"
                raise BadInputError(msg)

    def _forget(self, person_id: str) -> int:
        del self._people[person_id]
        del self._photos[person_id]
        return self._forget_in_visits(person_id)

    def _forget_in_visits(self, person_id: str) -> int:
        """Take a person out of the visits; returns how many pictures went."""
        raise NotImplementedError


def _digest(person_id: str) -> bytes:
    return hashlib.blake2b(person_id.encode(), key=b"memory", digest_size=32).digest()
