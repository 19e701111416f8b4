"""The work of the notify role: put notices into words and send them.

One thread and one bounded queue per target, so that a target that hangs delays neither
another one nor the loop; attempts for one target stay in order. The outbox and its
retries belong to the hub: this stage tries once and says how it went. Nothing said here
holds a name or an address.
"""

from __future__ import annotations

import os
import queue
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from doorbell.core.errors import BadInputError, DoorbellError
from doorbell.core.localtime import local_at, zone_named
from doorbell.core.targets import NOWHERE
from doorbell.core.visitor import Visitor
from doorbell.core.wording import LikenessScale, Occasion, face_label, in_words
from doorbell.ports.notifier import Answer, Outcome, Push
from doorbell.ports.picture import FaceFrame
from doorbell.stages.lane import Job, Lane
from doorbell.stages.notify_messages import Deliver, Delivered
from monitoring.logging.structured_logging import protect_names
from monitoring.metrics.recording import record_counter, record_stage
from monitoring.tracing.context import continued
from monitoring.tracing.spans import operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from config.production.production_settings import ProductionSettings
    from doorbell.ports.clock import Clock
    from doorbell.ports.notifier import Notifier
    from doorbell.ports.picture import PictureRenderer
    from doorbell.ports.stage import Outlet
    from doorbell.stages.notify_messages import Notice, NoticeFace

IDLE_S = 1.0
# More than this waits in the outbox rather than here.
LONGEST_QUEUE = 32
# A JPEG of the largest frame is well below it.
MOST_PICTURE_BYTES = 32 * 1024 * 1024
# Beyond the target's own timeout: name look-up and a dribbling answer have none.
OVERDUE_MARGIN_S = 2.0
# The rest of the grace is for the report to reach the hub.
SHARE_OF_GRACE = 0.75
# Threads left behind in libraries that never return; then the target is refused work.
MOST_ABANDONED = 3


class Fetch(Protocol):
    """Reads a whole picture from a descriptor."""

    def __call__(self, fd: int, limit: int) -> bytes:
        """Return its bytes; the descriptor stays open.

        Raises:
            BadInputError: it holds more than `limit` bytes.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the settings say of one target."""

    timeout_s: float
    picture: bool


class NotifyStage:
    """Implements `ports.stage.Stage` for the role `notify`."""

    def __init__(  # noqa: PLR0913 - everything from outside comes in here
        self,
        settings: ProductionSettings,
        notifiers: Mapping[str, Notifier],
        *,
        renderer: PictureRenderer,
        fetch: Fetch,
        clock: Clock,
        system_zone: tzinfo = UTC,
    ) -> None:
        self._settings = settings
        self._notifiers = notifiers
        self._renderer = renderer
        self._fetch = fetch
        self._clock = clock
        self._zone = system_zone
        self._wanted = {
            target.name: _Wanted(target.timeout_s, target.picture)
            for target in settings.notify.targets
        }
        self._done: queue.SimpleQueue[tuple[Lane, Job, Answer]] = queue.SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lanes: dict[str, Lane] = {}
        self._abandoned: list[Lane] = []
        self._outlet: Outlet | None = None
        self._closed = False

    def start(self, outlet: Outlet) -> str:
        """Check zone, sentences and drawing, and start a thread a target."""
        self._outlet = outlet
        if self._settings.notify.timezone:
            self._zone = zone_named(self._settings.notify.timezone)
        # The rehearsal: what a test push needs, without the push.
        occasion = Occasion(kind="test", at=None)
        in_words(occasion, self._settings.notify.language, self._now())
        self._renderer.render(self._renderer.sample(), [], self._limit())
        for name in self._notifiers:
            self._lanes[name] = self._new_lane(name)
        return f"{len(self._lanes.keys() - {NOWHERE})} target(s)"

    def handle(self, message: object, fds: Sequence[int]) -> None:
        """Take a `Deliver`: read its picture at once, never wait for its sending."""
        try:
            if isinstance(message, Deliver):
                self._take(message, fds)
        finally:
            for fd in fds:
                os.close(fd)

    def turn(self, now_s: float) -> float:
        """Report what the threads finished, and give up what is overdue."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        self._report_done()
        for lane in self._lanes.values():
            if lane.is_overdue(now_s):
                self._abandon(lane)
        return IDLE_S

    def descriptors(self) -> Sequence[int]:
        """One, readable when a thread has finished something."""
        return () if self._closed else (self._wake,)

    def close(self) -> None:
        """Let what is in hand finish, for as long as the grace lasts."""
        deadline_s = monotonic() + self._settings.supervision.grace_s * SHARE_OF_GRACE
        for lane in self._lanes.values():
            lane.stop()
        for lane in self._lanes.values():
            lane.join(max(0.0, deadline_s - monotonic()))
        # The hub may be gone already; the outbox then tries again under the same key.
        with suppress(OSError):
            self._report_done()
        # Left ones write to the descriptor no more, when its number is another's.
        for lane in self._lanes.values():
            lane.leave()
        self._closed = True
        os.close(self._wake)
        self._lanes = {}

    def _take(self, message: Deliver, fds: Sequence[int]) -> None:
        if message.target not in self._lanes:
            self._say(message, self._not_open(message.target))
            return
        lane = self._usable_lane(message.target)
        if lane is None:
            self._say(message, Answer(Outcome.RETRY, "it hangs every time"))
            return
        # A library may quote the message it could not send.
        protect_names(_names_in(message.notice))
        jpeg, trouble = self._picture(message, fds)
        if not lane.offer(Job(message, jpeg, trouble)):
            self._say(message, Answer(Outcome.RETRY, "too much waits for it"))

    def _not_open(self, name: str) -> Answer:
        if name in self._wanted:
            # It waits in the outbox until the address is mended.
            return Answer(Outcome.RETRY, "its address in the settings is wrong")
        return Answer(Outcome.REFUSED, "no such target in the settings")

    def _usable_lane(self, name: str) -> Lane | None:
        """The target's lane, a new one if it was left; None if too many hang."""
        lane = self._lanes[name]
        if not lane.is_left():
            return lane
        self._abandoned = [one for one in self._abandoned if one.is_alive()]
        if sum(one.name == name for one in self._abandoned) >= MOST_ABANDONED:
            return None
        self._lanes[name] = self._new_lane(name)
        return self._lanes[name]

    def _picture(
        self, message: Deliver, fds: Sequence[int]
    ) -> tuple[bytes | None, str]:
        wanted = self._wanted.get(message.target)
        if not (message.has_picture and fds) or (wanted and not wanted.picture):
            return None, ""
        try:
            return self._fetch(fds[0], MOST_PICTURE_BYTES), ""
        except (DoorbellError, OSError) as error:
            return None, f"without its picture: {type(error).__name__}"

    def _new_lane(self, name: str) -> Lane:
        timeout_s = self._timeout_s(name)
        return Lane(
            name,
            LONGEST_QUEUE,
            self._work,
            self._finished,
            timeout_s + OVERDUE_MARGIN_S,
        )

    def _timeout_s(self, name: str) -> float:
        wanted = self._wanted.get(name)
        return wanted.timeout_s if wanted else 10.0

    def _work(self, job: Job) -> Answer:
        """Run one attempt; in the target's thread."""
        message = job.message
        facts = {"target": message.target, "kind": message.notice.kind}
        with operation("push", **facts) as done:
            answer = self._attempt(job)
            done.note(status=answer.outcome.value, picture_bytes=len(job.jpeg or b""))
        return answer

    def _attempt(self, job: Job) -> Answer:
        message = job.message
        push, trouble = self._push(job)
        if message.notice.synthetic and message.target != NOWHERE:
            # A self-test walks the path up to the door of the network.
            return Answer(Outcome.SENT, "synthetic: not sent")
        notifier = self._notifiers[message.target]
        began_s = monotonic()
        answer = notifier.send(push, self._timeout_s(message.target))
        if not message.notice.synthetic:
            record_stage("deliver", "notify", monotonic() - began_s)
        detail = "; ".join(part for part in (answer.detail, trouble) if part)
        return Answer(answer.outcome, detail, answer.retry_after_s)

    def _push(self, job: Job) -> tuple[Push, str]:
        notice, jpeg, trouble = job.message.notice, job.jpeg, job.trouble
        language = self._settings.notify.language
        words = in_words(self._occasion(notice), language, self._now())
        if notice.kind == "test" and jpeg is None and self._wants_picture(job):
            jpeg = self._renderer.sample()
        if jpeg is not None:
            jpeg, trouble = self._drawn(jpeg, notice)
        push = Push(
            key=notice.key,
            replaces=notice.replaces,
            title=words.title,
            body=words.body,
            jpeg=jpeg,
            silent=notice.silent,
            checkpoint=job.message.checkpoint,
        )
        return push, trouble

    def _wants_picture(self, job: Job) -> bool:
        wanted = self._wanted.get(job.message.target)
        return wanted is None or wanted.picture

    def _drawn(self, jpeg: bytes, notice: Notice) -> tuple[bytes | None, str]:
        language = self._settings.notify.language
        frames = [
            FaceFrame(face.box, face_label(_visitor(face), language), face.decision)
            for face in notice.faces
        ]
        try:
            return self._renderer.render(jpeg, frames, self._limit()), ""
        except BadInputError as error:
            return None, f"without its picture: {error}"

    def _occasion(self, notice: Notice) -> Occasion:
        return Occasion(
            kind=notice.kind,
            at=local_at(notice.at_s, self._zone),
            late=notice.late,
            decision=notice.decision,
            visitors=tuple(_visitor(face) for face in notice.faces),
            rings=notice.rings,
            reason=notice.reason,
            scale=_scale(notice),
            parts=tuple(self._occasion(part) for part in notice.digest),
            text=notice.text,
        )

    def _now(self) -> datetime:
        wall_s = self._clock.now().wall_ns / 1e9
        return local_at(wall_s, self._zone) or datetime.fromtimestamp(0, self._zone)

    def _limit(self) -> int:
        return self._settings.notify.picture_kib * 1024

    def _finished(self, lane: Lane, job: Job, answer: Answer) -> None:
        """Hand a result to the loop; in the target's thread."""
        self._done.put((lane, job, answer))
        os.eventfd_write(self._wake, 1)

    def _report_done(self) -> None:
        while True:
            try:
                lane, job, answer = self._done.get_nowait()
            except queue.Empty:
                return
            # An abandoned attempt was reported when it was given up.
            if not lane.is_left():
                with continued(job.message.traceparent):
                    self._say(job.message, answer)

    def _abandon(self, lane: Lane) -> None:
        """Report a thread that does not return as a failure, and do without it."""
        unsent = lane.leave()
        self._abandoned.append(lane)
        answer = Answer(Outcome.RETRY, f"no answer within {lane.patience_s:.0f} s")
        for job in unsent:
            with continued(job.message.traceparent):
                self._say(job.message, answer)

    def _say(self, message: Deliver, answer: Answer) -> None:
        if self._outlet is None:
            return
        _count(message, answer)
        self._outlet.send(
            Delivered(
                attempt=message.attempt,
                status=answer.outcome.value,
                detail=answer.detail,
                retry_after_s=answer.retry_after_s,
            )
        )


def _names_in(notice: Notice) -> set[str]:
    said = [notice, *notice.digest]
    return {face.name for one in said for face in one.faces if face.name}


def _count(message: Deliver, answer: Answer) -> None:
    if message.notice.synthetic:
        return
    labels = {
        "channel": message.target,
        "notification_type": message.notice.kind,
        "status": answer.outcome.value,
    }
    record_counter("notifications_sent_total", 1.0, labels)


def _visitor(face: NoticeFace) -> Visitor:
    return Visitor(face.decision, face.name, face.likeness, face.wording)


def _scale(notice: Notice) -> LikenessScale | None:
    if notice.known_at is None or notice.unsure_at is None:
        return None
    return LikenessScale(notice.unsure_at, notice.known_at)
