"""Who is enrolled, as the hub knows it: names at hand, faces on their way to vision."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from typing import TYPE_CHECKING

from doorbell.core.errors import BadInputError, StorageError
from doorbell.runtime import wiring
from doorbell.runtime.link import close_all
from doorbell.stages.vision_messages import EngineReady, LoadGallery
from monitoring.logging.structured_logging import protect_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.runtime.ledger import Ledger
    from doorbell.runtime.vision_team import VisionTeam

log = logging.getLogger("doorbell.household")


class Household:
    """The enrolled people.

    Attributes:
        names: by person id; the same mapping for the hub's whole life.
        compared: photographs that the engine in use compares.
        gallery_version: grows with each gallery that vision was given.
        references: what records call them, by person id.
        left_out: photographs of another embedding space than the engine's, by person.
        engine: what vision said of itself; None before it did.
    """

    def __init__(self, ledger: Ledger, team: VisionTeam) -> None:
        self._ledger = ledger
        self._team = team
        self._versions = itertools.count(1)
        self._photos: Counter[str] = Counter()
        self.names: dict[str, str] = {}
        self.references: dict[str, str] = {}
        self.left_out: Counter[str] = Counter()
        self.compared = 0
        self.gallery_version = 0
        self.engine: EngineReady | None = None

    async def refresh(self) -> None:
        """Learn the names anew, and tell vision who is enrolled."""
        try:
            people = await self._ledger.call(lambda store: store.people())
        except StorageError:
            return
        self.names.clear()
        self.names.update({person.id: person.name for person in people})
        self.references = {person.id: person.reference for person in people}
        protect_names(self.names.values())
        self._photos = Counter({person.id: person.photos for person in people})
        await self.load_gallery()

    async def load_gallery(self) -> None:
        """Tell vision who is enrolled, as far as its engine can compare them.

        Raises:
            StorageError: the gallery cannot be read.
        """
        engine = self.engine
        if engine is None or not self._team.up():
            return
        ids, rows = await self._ledger.call(lambda store: store.gallery(engine.space))
        self._note_left_out(ids)
        self.gallery_version = next(self._versions)
        message = LoadGallery(
            version=self.gallery_version,
            dimensions=engine.dimensions,
            person_ids=ids,
        )
        fds = [wiring.publish(rows)] if ids else []
        self._team.tell_all(message, fds)
        close_all(fds)

    def _note_left_out(self, compared: Sequence[str]) -> None:
        self.compared = len(compared)
        left_out = self._photos - Counter(compared)
        if left_out and left_out != self.left_out:
            log.warning(
                "gallery_left_out",
                extra={
                    "photographs": left_out.total(),
                    "hint": "enrolled with another engine: doorbell people reembed",
                },
            )
        self.left_out = left_out

    def person_id(self, who: str) -> str:
        """Find a person by name or id.

        Raises:
            BadInputError: nobody is called so.
        """
        for key, name in self.names.items():
            if who == key or name.casefold() == who.strip().casefold():
                return key
        msg = f"nobody is called {who!r}"
        raise BadInputError(msg, hint="`doorbell people list` shows who is enrolled.")
