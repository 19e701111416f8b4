"""Enrol people.

An enrolment gathers photographs over one connection and is stored in one step at its
end; a caller that hangs up before has changed nothing.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from doorbell.core import enrolment
from doorbell.core.encodings import unpacked
from doorbell.core.errors import BadInputError, UnavailableError, UsageError
from doorbell.core.names import clean_name
from doorbell.ports.store import EnrolledPhoto
from doorbell.runtime import replies, views, wiring
from doorbell.runtime import requests as r
from doorbell.runtime.frame_desk import read_all
from doorbell.runtime.link import close_all
from doorbell.runtime.people_desk import PeopleDesk
from doorbell.runtime.separation import separation
from doorbell.stages.vision_messages import (
    ExtractedFace,
    ExtractFaces,
    FacesExtracted,
)

if TYPE_CHECKING:
    from doorbell.ports.store import PersonRecord
    from doorbell.runtime.hub import Hub
    from doorbell.runtime.peer import Peer

MAX_PHOTOS = 200


@dataclass(slots=True)
class Draft:
    """An enrolment that is not stored yet."""

    name: str
    consent: str
    person_id: str | None
    photos: list[EnrolledPhoto] = field(default_factory=list)
    faces: list[ExtractedFace] = field(default_factory=list)


class Enrolling:
    """The enrolment of one connection; what else it asks of people is the desk's."""

    def __init__(self, hub: Hub, peer: Peer, uid: int) -> None:
        self._hub = hub
        self._peer = peer
        self._uid = uid
        self._draft: Draft | None = None
        self._people = PeopleDesk(hub, peer)

    @property
    def drafted(self) -> str | None:
        """Id of the person to whom photographs are being added; None for a new one."""
        return self._draft.person_id if self._draft else None

    def abandon(self) -> None:
        """Drop what was gathered."""
        self._draft = None

    async def answer(self, request: object, fds: list[int]) -> str | None:
        """Carry out one request about people; returns a note for the caller.

        Raises:
            DoorbellError: it was not carried out, and nothing was changed.
        """
        match request:
            case r.EnrolBegin():
                await self._begin(request)
            case r.EnrolPhoto(label=label):
                await self._photo(label, fds)
            case r.EnrolVisit():
                await self._visit(request)
            case r.EnrolCamera():
                await self._camera()
            case r.EnrolCommit():
                await self._commit()
            case r.ImportEncodings():
                await self._import(request, fds)
            case _:
                return await self._people.answer(request)
        return None

    async def _begin(self, request: r.EnrolBegin) -> None:
        draft = self._begun(request)
        await self._hub.until_ready("vision")
        self._draft = draft

    def _begun(self, request: r.EnrolBegin | r.ImportEncodings) -> Draft:
        name = clean_name(request.name)
        if not request.consent.strip():
            msg = "who consented is not said"
            raise UsageError(msg, hint="Give --consent WHO.")
        known = {
            other.casefold(): key for key, other in self._hub.household.names.items()
        }
        person_id = known.get(name.casefold())
        if person_id is not None and not request.more:
            msg = f"{name} is enrolled already"
            raise BadInputError(msg, hint="Add photographs with --add.")
        if person_id is None and request.more:
            msg = f"nobody is called {name}"
            raise BadInputError(msg, hint="`doorbell people list` shows who is.")
        return Draft(name, request.consent.strip(), person_id)

    async def _import(self, request: r.ImportEncodings, fds: list[int]) -> None:
        draft = self._begun(request)
        if len(fds) != 1:
            msg = "encodings come as one descriptor"
            raise UsageError(msg)
        space = wiring.dlib_space()
        # No photograph came with them, so they cannot be computed anew.
        draft.photos += [
            EnrolledPhoto(b"", row, space) for row in unpacked(read_all(fds[0]))
        ]
        person = await self._store(draft)
        engine = self._hub.household.engine
        self._peer.send(
            replies.Imported(
                person=views.person_view(person),
                encodings=len(draft.photos),
                usable=engine.space == space if engine else None,
            )
        )

    def _drafted(self) -> Draft:
        if self._draft is None:
            msg = "an enrolment begins with a name"
            raise UsageError(msg)
        if len(self._draft.photos) >= MAX_PHOTOS:
            msg = f"{MAX_PHOTOS} photographs are enough for anybody"
            raise UsageError(msg)
        return self._draft

    async def _photo(self, label: str, fds: list[int]) -> None:
        draft = self._drafted()
        if len(fds) != 1:
            msg = "a photograph comes as one descriptor"
            raise UsageError(msg)
        try:
            picture = await asyncio.to_thread(wiring.decode_picture, fds[0])
        except BadInputError as error:
            self._judged(label, str(error))
            return
        await self._judge_picture(draft, label, picture)

    async def _visit(self, request: r.EnrolVisit) -> None:
        draft = self._drafted()
        visit = await self._hub.ledger.call(lambda store: store.visit(request.visit))
        jpeg = None
        if visit is not None:
            visit_id = visit.id
            jpeg = await self._hub.ledger.call(lambda store: store.picture(visit_id))
        if visit is None or not jpeg:
            msg = f"visit {request.visit} has no picture"
            raise BadInputError(msg, hint="`doorbell visits list` shows them.")
        fd = wiring.publish(jpeg)
        try:
            picture = await asyncio.to_thread(wiring.decode_picture, fd)
        finally:
            os.close(fd)
        label = f"visit {visit.id[:8]}"
        await self._judge_picture(draft, label, picture, request.face)

    async def _judge_picture(
        self,
        draft: Draft,
        label: str,
        picture: wiring.DecodedPicture,
        face: int | None = None,
    ) -> None:
        try:
            await self._judge(
                draft, label, picture.fd, (picture.width, picture.height), face
            )
        finally:
            os.close(picture.fd)

    async def _camera(self) -> None:
        draft = self._drafted()
        await self._hub.until_ready("capture")
        frame = await self._hub.newest_frame()
        fd = wiring.publish(self._hub.desk.copy_out(frame))
        try:
            await self._judge(draft, "camera", fd, (frame.width, frame.height))
        finally:
            os.close(fd)

    async def _judge(
        self,
        draft: Draft,
        label: str,
        rgb_fd: int,
        size: tuple[int, int],
        face: int | None = None,
    ) -> None:
        number = self._hub.questions.next_number()
        question = ExtractFaces(request=number, width=size[0], height=size[1])
        answer, fds = await self._hub.questions.ask(
            "vision", number, question, [rgb_fd]
        )
        try:
            if not isinstance(answer, FacesExtracted) or answer.error:
                reason = getattr(answer, "error", "") or "recognition gave no answer"
                self._judged(label, reason)
                return
            faces = answer.faces
            if face is not None:
                faces = faces[face - 1 : face]
            verdict = enrolment.judge_photo(faces, draft.person_id, self._limits())
            if verdict.face is None:
                self._judged(label, verdict.refusal)
                return
            draft.faces.append(faces[verdict.face])
            draft.photos.append(
                EnrolledPhoto(
                    read_all(fds[0]), faces[verdict.face].embedding, answer.space
                )
            )
        finally:
            close_all(fds)
        self._peer.send(
            replies.PhotoJudged(label=label, accepted=True, reason=verdict.remark)
        )

    def _limits(self) -> enrolment.EnrolmentLimits:
        engine = self._hub.household.engine
        if engine is None:
            msg = "recognition is not running"
            raise UnavailableError(msg)
        return enrolment.EnrolmentLimits(
            min_face_px=self._hub.settings.vision.min_face_px,
            unsure_at=engine.unsure_at,
            known_at=engine.known_at,
            names=self._hub.household.names,
        )

    def _judged(self, label: str, refusal: str) -> None:
        self._peer.send(
            replies.PhotoJudged(label=label, accepted=False, reason=refusal)
        )

    async def _commit(self) -> None:
        draft = self._drafted()
        if not draft.photos:
            msg = f"no photograph of {draft.name} could be used"
            hint = "Use one with a single, sharp, frontal face at least as wide as "
            hint += f"{self._hub.settings.vision.min_face_px} px."
            raise BadInputError(msg, hint=hint)
        person = await self._store(draft)
        self._draft = None
        found = await separation(self._hub)
        self._peer.send(
            replies.Enrolled(
                person=views.person_view(person),
                separation=found,
                lacking=enrolment.lacking(draft.faces),
            )
        )

    async def _store(self, draft: Draft) -> PersonRecord:
        now = self._hub.clock.now()
        person = await self._hub.ledger.call(
            lambda store: store.enrol(
                draft.name, draft.consent, draft.photos, now, draft.person_id
            )
        )
        await self._hub.household.refresh()
        audit = self._hub.audit
        audit.post(
            "person.enrolled",
            actor=f"uid:{self._uid}",
            obj=audit.person(person.id),
            ctx={"photos": len(draft.photos)},
        )
        return person
