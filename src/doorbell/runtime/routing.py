"""What workers say, and where it goes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from doorbell.core.errors import StorageError
from doorbell.runtime.link import close_all
from doorbell.runtime.porch_light import light_up_if_dark
from doorbell.runtime.vision_team import VISION, kind_of
from doorbell.stages import messages as m
from doorbell.stages.notify_messages import Delivered
from doorbell.stages.vision_messages import (
    NO_VISIT,
    EngineReady,
    FacesExtracted,
    GalleryJudged,
    Seen,
)
from doorbell.stages.watching import Observed

if TYPE_CHECKING:
    from doorbell.runtime.hub import Hub

log = logging.getLogger("doorbell.hub")


class Routing:
    """Hands on what the workers of a hub say; see `supervisor.Boss`.

    Attributes:
        button: how the button said it is, last.
        model_passes: runs of networks that looks took.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.button: m.ButtonState | None = None
        self.model_passes = 0

    def worker_up(self, role: str) -> None:
        """A worker passed its rehearsal."""
        hub = self._hub
        if not hub.stands_by:
            hub.desk.worker_up(role)
        hub.audience.worker_up(role)
        match kind_of(role):
            case "vision" if not hub.stands_by:
                hub.spawn(self._welcome_vision())
            case "notify":
                hub.dispatcher.wake()
            case "button":
                # What it wrote just before it died was never said.
                hub.spawn(hub.recovery.take_up_rings())
            case "web":
                hub.http.worker_up()
            case _:
                pass

    async def _welcome_vision(self) -> None:
        try:
            await self._hub.household.load_gallery()
        except StorageError as error:
            log.error("gallery_unreadable", extra={"error": str(error)})  # noqa: TRY400 - without a gallery everybody is unknown; the error says why
        self._hub.doorkeeper.look_on()

    def worker_down(self, role: str) -> None:
        """A worker is gone and everything it said was heard."""
        hub = self._hub
        hub.desk.worker_down(role)
        hub.questions.worker_down(role)
        hub.audience.worker_down(role)
        match kind_of(role):
            case "vision":
                in_hand = hub.team.down(role)
                if role == VISION:
                    hub.anticipator.ended()
                    hub.anticipator.sees_faces = False
                    hub.synthetic.vision_down()
                hub.doorkeeper.vision_down(in_hand)
            case "notify":
                hub.dispatcher.notify_down()
            case "button":
                hub.doorkeeper.button_down()
            case _:
                pass

    def _frame_taken(self, message: m.FrameTaken) -> None:
        hub = self._hub
        if hub.desk.taken(message):
            hub.doorkeeper.frame_came(message.frame)
            if self._may_glance():
                hub.anticipator.frame_came(message.frame)

    def _seen(self, message: Seen) -> None:
        hub = self._hub
        self.model_passes += message.passes
        hub.team.answered(message.visit)
        if message.visit == NO_VISIT:
            hub.anticipator.seen(message)
        elif message.visit.startswith("ask-"):
            hub.questions.answered(int(message.visit.removeprefix("ask-")), message)
        else:
            hub.doorkeeper.seen(message)

    def _may_glance(self) -> bool:
        settings = self._hub.settings
        wanted = settings.vision.anticipate and settings.features.recognition
        return wanted and not self._hub.doorkeeper.is_busy

    def worker_said(self, role: str, message: object, fds: list[int]) -> None:
        """Route one message."""
        hub = self._hub
        if hub.synthetic.heard(message):
            close_all(fds)
            return
        hub.audience.worker_said(role, message)
        match message:
            case m.FrameTaken():
                self._frame_taken(message)
            case m.PictureEncoded():
                hub.desk.picture_encoded(message, fds)
                return
            case Seen():
                self._seen(message)
            case m.PressBegan():
                hub.synthetic.give_way()
                hub.doorkeeper.press_began(message)
                light_up_if_dark(hub)
            case m.PressVoid(press=press):
                hub.doorkeeper.press_void(press)
            case m.Rung():
                hub.synthetic.give_way()
                hub.doorkeeper.rung(message)
            case Delivered():
                hub.spawn(hub.dispatcher.delivered(message))
            case _:
                self._rare(role, message, fds)
                return
        close_all(fds)

    def _rare(self, role: str, message: object, fds: list[int]) -> None:
        hub = self._hub
        match message:
            case m.Converse() if role == "web":
                hub.http.converse(fds)
                return
            case m.Sessions() | Observed():
                pass  # for onlookers
            case m.CameraState():
                hub.desk.camera_changed(message)
                log.info("camera_state", extra={"condition": message.condition})
                hub.doorkeeper.camera_changed()
            case EngineReady():
                hub.household.engine = message
                hub.dispatcher.notices.engine = message
            case m.ButtonState():
                self._button_state(message)
            case m.ButtonStuck(stuck=stuck, held_s=held_s):
                log.warning(
                    "button_stuck", extra={"stuck": stuck, "held_s": round(held_s)}
                )
            case m.RingAccepted() | FacesExtracted() | GalleryJudged():
                hub.questions.answered(message.request, message, fds)
                return
            case _:
                log.warning("unexpected", extra={"role": role, "kind": str(message)})
        close_all(fds)

    def _button_state(self, state: m.ButtonState) -> None:
        self.button = state
        is_well = state.line != "absent" and state.journal == "ok"
        log.log(
            logging.INFO if is_well else logging.ERROR,
            "button_state",
            extra={
                "line": state.line,
                "journal": state.journal,
                "detail": state.detail,
                "hint": state.hint,
            },
        )
