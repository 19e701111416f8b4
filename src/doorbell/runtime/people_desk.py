"""Enrolled people: list, show, judge, rename, export, erase."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError, UsageError
from doorbell.core.names import clean_name
from doorbell.runtime import replies, views, wiring
from doorbell.runtime import requests as r
from doorbell.runtime.erasure_notes import note_erasures
from doorbell.runtime.reembedding import Reembedding
from doorbell.runtime.separation import separation

if TYPE_CHECKING:
    from doorbell.ports.store import PersonRecord
    from doorbell.runtime.hub import Hub
    from doorbell.runtime.peer import Peer


class PeopleDesk:
    """What one connection asks of people who are enrolled."""

    def __init__(self, hub: Hub, peer: Peer) -> None:
        self._hub = hub
        self._peer = peer

    async def answer(self, request: object) -> str | None:
        """Carry out one request about people; returns a note for the caller.

        Raises:
            DoorbellError: it was not carried out, and nothing was changed.
        """
        match request:
            case r.ListPeople():
                self._peer.send(replies.People(people=await self._all()))
            case r.ShowPerson(who=who):
                await self._show(who)
            case r.JudgePeople():
                await self._judge()
            case r.RenamePerson(who=who, name=name):
                return await self._rename(who, name)
            case r.ErasePerson(who=who):
                await self._erase(who)
            case r.ExportPerson(who=who):
                await self._export(who)
            case r.ReembedPeople():
                await Reembedding(self._hub, self._peer).run()
            case _:
                msg = f"no such request: {type(request).__name__}"
                raise UsageError(msg)
        return None

    async def _people(self) -> list[PersonRecord]:
        return await self._hub.ledger.call(lambda store: store.people())

    async def _all(self) -> list[replies.PersonView]:
        left_out = self._hub.household.left_out
        now_s = self._hub.clock.now().wall_s()
        return [
            views.person_view(person, left_out[person.id], now_s)
            for person in await self._people()
        ]

    async def _person(self, who: str) -> PersonRecord:
        person_id = self._hub.household.person_id(who)
        return next(p for p in await self._people() if p.id == person_id)

    async def _show(self, who: str) -> None:
        person = await self._person(who)
        count, last = await self._hub.ledger.call(
            lambda store: store.visits_of(person.id)
        )
        self._peer.send(
            replies.Person(
                person=views.person_view(
                    person,
                    self._hub.household.left_out[person.id],
                    self._hub.clock.now().wall_s(),
                ),
                visits=count,
                last_visit_s=last.wall_s() if last else None,
            )
        )

    async def _rename(self, who: str, name: str) -> str:
        person = await self._person(who)
        wanted = clean_name(name)
        await self._hub.ledger.call(lambda store: store.rename(person.id, wanted))
        await self._hub.household.refresh()
        return f"{person.name} is now {wanted}"

    async def _erase(self, who: str) -> None:
        person = await self._person(who)
        now = self._hub.clock.now()
        pictures = await self._hub.ledger.call(
            lambda store: store.erase(person.id, now)
        )
        self._hub.dispatcher.notices.forget_pictures()
        await self._hub.household.refresh()
        await note_erasures(self._hub)
        self._peer.send(
            replies.Erased(name=person.name, photos=person.photos, pictures=pictures)
        )

    async def _export(self, who: str) -> None:
        person = await self._person(who)
        photos = await self._hub.ledger.call(
            lambda store: list(store.photos(person.id))
        )
        for number, photo in enumerate(photos, start=1):
            if photo.jpeg:
                self._export_file(f"photo-{number:03}.jpg", photo.jpeg)
        self._export_file("person.json", views.export_json(person, photos))

    def _export_file(self, filename: str, data: bytes) -> None:
        fd = wiring.publish(data)
        self._peer.send(replies.Exported(filename=filename), [fd])
        os.close(fd)

    async def _judge(self) -> None:
        await self._hub.until_ready("vision")
        # The answer comes after the gallery was loaded, and its lines drawn.
        found = await separation(self._hub)
        engine = self._hub.household.engine
        if engine is None:
            msg = "recognition is not running"
            raise UnavailableError(msg)
        self._peer.send(
            replies.PeopleJudged(
                separation=found,
                people=len(await self._people()),
                engine=engine.engine,
                known_at=engine.known_at,
                unsure_at=engine.unsure_at,
            )
        )
