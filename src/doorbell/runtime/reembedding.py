"""Compute the gallery anew from the enrolment photographs, after a change of engine.

The old embeddings stay until the last photograph was read; then all are replaced in one
step. A photograph that cannot be read keeps its old embedding and is named.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from doorbell.core.errors import BadInputError, UnavailableError
from doorbell.core.reembed import face_of
from doorbell.ports.store import NewEmbedding
from doorbell.runtime import replies, wiring
from doorbell.runtime.link import close_all
from doorbell.stages.vision_messages import ExtractFaces, FacesExtracted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from doorbell.ports.store import EnrolledPhoto, PersonRecord
    from doorbell.runtime.hub import Hub
    from doorbell.runtime.peer import Peer

NO_PHOTOGRAPH = "it was imported without a photograph"


@dataclass(slots=True)
class _Course:
    """How far it is.

    Attributes:
        total: photographs there are.
        done: of these, looked at.
        current: of these, already of the engine's space.
        changes: what will be stored at the end.
        left: name, number of the photograph, and why it stays as it is.
    """

    total: int
    done: int = 0
    current: int = 0
    changes: list[NewEmbedding] = field(default_factory=list)
    left: list[tuple[str, int, str]] = field(default_factory=list)


class Reembedding:
    """One run over the gallery."""

    def __init__(self, hub: Hub, peer: Peer) -> None:
        self._hub = hub
        self._peer = peer

    async def run(self) -> None:
        """Do it, telling the peer after each photograph.

        Raises:
            DoorbellError: it was not done, and nothing was changed.
        """
        await self._hub.until_ready("vision")
        engine = self._hub.household.engine
        if engine is None:
            msg = "recognition is not running"
            raise UnavailableError(msg)
        people = await self._hub.ledger.call(lambda store: store.people())
        course = _Course(total=sum(person.photos for person in people))
        for person in people:
            await self._person(person, engine.space, course)
        replaced = await self._store(course)
        self._peer.send(
            replies.Reembedded(
                engine=engine.engine,
                replaced=replaced,
                current=course.current,
                left=course.left,
            )
        )

    async def _store(self, course: _Course) -> int:
        if not course.changes:
            return 0
        changes = course.changes
        replaced = await self._hub.ledger.call(
            lambda store: store.replace_embeddings(changes)
        )
        await self._hub.household.refresh()
        return replaced

    async def _person(self, person: PersonRecord, space: str, course: _Course) -> None:
        references: list[bytes] = []
        crowded: list[tuple[int, str, list[bytes]]] = []
        number = 0
        async for photo in self._photos(person.id):
            number += 1
            if photo.space == space:
                course.current += 1
                references.append(photo.embedding)
            else:
                faces, refusal = await self._faces(photo)
                if refusal:
                    course.left.append((person.name, number, refusal))
                elif len(faces) > 1:
                    crowded.append((number, photo.id, faces))
                else:
                    self._settle(course, person.name, (number, photo.id, faces), [])
                    references += faces
            course.done += 1
            self._peer.send(replies.Reembedding(done=course.done, total=course.total))
        # Whoever stands beside the person is told apart by the other photographs.
        for one in crowded:
            self._settle(course, person.name, one, references)

    def _settle(
        self,
        course: _Course,
        name: str,
        photo: tuple[int, str, list[bytes]],
        references: list[bytes],
    ) -> None:
        number, photo_id, faces = photo
        chosen, refusal = face_of(faces, references)
        engine = self._hub.household.engine
        if chosen is None or engine is None:
            course.left.append((name, number, refusal))
            return
        change = NewEmbedding(photo_id, faces[chosen], engine.space)
        course.changes.append(change)

    async def _photos(self, person_id: str) -> AsyncIterator[EnrolledPhoto]:
        """Open one photograph at a time: all at once could be 60 MB."""
        call = self._hub.ledger.call
        photos = await call(lambda store: store.photos(person_id))
        while (photo := await call(lambda _: next(photos, None))) is not None:
            yield photo

    async def _faces(self, photo: EnrolledPhoto) -> tuple[list[bytes], str]:
        """Return the embeddings of a photograph's faces, or why there are none."""
        if not photo.jpeg:
            return [], NO_PHOTOGRAPH
        fd = wiring.publish(photo.jpeg)
        try:
            picture = await asyncio.to_thread(wiring.decode_picture, fd)
        except BadInputError as error:
            return [], str(error)
        finally:
            os.close(fd)
        try:
            return await self._ask(picture)
        except UnavailableError as error:
            # A picture that kills the engine must not keep the others from being read.
            await self._hub.until_ready("vision")
            return [], str(error)
        finally:
            os.close(picture.fd)

    async def _ask(self, picture: wiring.DecodedPicture) -> tuple[list[bytes], str]:
        number = self._hub.questions.next_number()
        question = ExtractFaces(
            request=number, width=picture.width, height=picture.height
        )
        answer, fds = await self._hub.questions.ask(
            "vision", number, question, [picture.fd]
        )
        close_all(fds)
        if not isinstance(answer, FacesExtracted) or answer.error:
            return [], getattr(answer, "error", "") or "recognition gave no answer"
        faces = [face.embedding for face in answer.faces]
        _, refusal = face_of(faces, faces)
        return faces, refusal
