"""How often recognition is right in this house, measured now and then.

What the owner labelled tells it best. Where too little is labelled, the gallery does:
each enrolled photograph judged by the others.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from doorbell.core.accuracy import Score, score
from doorbell.core.errors import DoorbellError
from doorbell.stages.vision_messages import GalleryJudged, JudgeGallery
from monitoring.metrics.recording import record_gauge

if TYPE_CHECKING:
    from doorbell.core.decision import FaceVerdict
    from doorbell.core.stamp import Stamp
    from doorbell.ports.store import Store
    from doorbell.runtime.hub import Hub
    from monitoring.metrics.metrics_collector import MetricsCollector

log = logging.getLogger("doorbell.metrics")

# By then the gallery is loaded.
FIRST_S = 20.0
S_PER_DAY = 86400.0
# Visits read at once; each is opened with its key.
PAGE = 50
MOST_VISITS = 1000
BASES = ("labelled_visits", "gallery")


class AccuracyWatch:
    """Measures one hub's recognition.

    Args:
        hub: whose visits and gallery.
        collector: of gauges that may have to be taken away again.
    """

    def __init__(self, hub: Hub, collector: MetricsCollector) -> None:
        self._hub = hub
        self._collector = collector
        self._judged: tuple[object, Score] | None = None

    async def run(self) -> None:
        """Measure again and again."""
        every_s = self._hub.settings.metrics.accuracy_every_s
        await asyncio.sleep(min(FIRST_S, every_s))
        while True:
            try:
                await self.measure()
            except DoorbellError as error:
                log.warning("accuracy_unknown", extra={"error": str(error)})
            await asyncio.sleep(every_s)

    async def measure(self) -> None:
        """Measure once.

        Raises:
            DoorbellError: the card or recognition did not answer.
        """
        limits, now = self._hub.settings.metrics, self._hub.clock.now()
        oldest_s = limits.accuracy_days * S_PER_DAY
        found = await self._hub.ledger.call(
            lambda store: labelled_faces(store, now, oldest_s)
        )
        labelled = score(found)
        if labelled.total >= limits.accuracy_faces:
            self._record(labelled, "labelled_visits")
        else:
            self._record(await self._gallery(), "gallery")

    async def _gallery(self) -> Score:
        """Judge the gallery, unless it is the one judged last; a visitor goes first."""
        hub = self._hub
        state = (hub.household.gallery_version, hub.household.engine)
        if self._judged is not None and self._judged[0] == state:
            return self._judged[1]
        if not hub.supervisor.is_up("vision") or hub.doorkeeper.is_busy:
            return Score(0, 0)
        number = hub.questions.next_number()
        question = JudgeGallery(request=number)
        answer, _ = await hub.questions.ask("vision", number, question)
        if not isinstance(answer, GalleryJudged):
            return Score(0, 0)
        found = Score(answer.separation.right, answer.separation.photos)
        self._judged = (state, found)
        return found

    def _record(self, found: Score, basis: str) -> None:
        engine = self._hub.household.engine
        self._collector.forget("face_recognition_accuracy")
        for name in BASES:
            samples = found.total if name == basis else 0
            labels = {"basis": name}
            record_gauge("doorbell_recognition_accuracy_samples", samples, labels)
        if engine is None or not found.total:
            self._collector.forget("doorbell_recognition_accuracy_upper_ratio")
            return
        labels = {"model_version": engine.engine}
        record_gauge("face_recognition_accuracy", found.share, labels)
        record_gauge("doorbell_recognition_accuracy_upper_ratio", found.upper)


def labelled_faces(
    store: Store, now: Stamp, oldest_s: float
) -> list[tuple[FaceVerdict, str]]:
    """Return the labelled faces of visits younger than `oldest_s`, and who they are.

    Visits whose age no clock can tell do not count.
    """
    found: list[tuple[FaceVerdict, str]] = []
    before: str | None = None
    for _ in range(MOST_VISITS // PAGE):
        page = store.visits(PAGE, before)
        for visit in page:
            age_s = visit.ring.stamp.age_s(now)
            if age_s is not None and age_s <= oldest_s:
                found += [(visit.faces[i], who) for i, who in visit.labels.items()]
        if len(page) < PAGE or _is_older(page[-1].ring.stamp, now, oldest_s):
            break
        before = page[-1].id
    return found


def _is_older(stamp: Stamp, now: Stamp, oldest_s: float) -> bool:
    age_s = stamp.age_s(now)
    return age_s is not None and age_s > oldest_s
