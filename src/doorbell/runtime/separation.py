"""How well the gallery tells its people apart, in their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError
from doorbell.runtime import replies
from doorbell.runtime.link import close_all
from doorbell.stages.vision_messages import GalleryJudged, JudgeGallery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from doorbell.core.enrolment import PhotoStanding, Separation
    from doorbell.runtime.hub import Hub


async def separation(hub: Hub) -> replies.Separation:
    """Let recognition judge the loaded gallery.

    Raises:
        UnavailableError: it gave no answer.
    """
    number = hub.questions.next_number()
    answer, fds = await hub.questions.ask(
        "vision", number, JudgeGallery(request=number)
    )
    close_all(fds)
    if not isinstance(answer, GalleryJudged):
        msg = "recognition gave no answer"
        raise UnavailableError(msg)
    return _named(answer.separation, hub.household.names)


def _named(found: Separation, names: Mapping[str, str]) -> replies.Separation:
    return replies.Separation(
        photos=found.photos,
        right=found.right,
        worst=[_hurtful(standing, names) for standing in found.worst],
        lookalikes=[
            replies.Lookalike(
                names.get(pair.person_id, "?"),
                names.get(pair.other_id, "?"),
                round(pair.likeness, 3),
            )
            for pair in found.lookalikes
        ],
    )


def _hurtful(standing: PhotoStanding, names: Mapping[str, str]) -> tuple[str, str]:
    name = names.get(standing.person_id, "?")
    if standing.nearest != standing.person_id:
        reason = f"looks more like {names.get(standing.nearest, '?')}"
    else:
        reason = f"is only {standing.decision} to the others"
    return f"{name}, photograph {standing.row + 1} of the gallery", reason
