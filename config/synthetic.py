"""Settings of the rings that the doorbell gives itself."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from config.sections import Section


class Synthetic(Section, frozen=True):
    """Rings the doorbell gives itself, to know that a visitor's would come through.

    They sound no chime, are in no list of visits, and yield to whoever really rings.
    """

    every_s: Annotated[
        float,
        Meta(ge=0, le=86400, description="how often, in seconds; 0 for never"),
    ] = 60.0
    stored_every: Annotated[
        int,
        Meta(
            ge=1,
            le=1440,
            description="every how many-th is written to the card as a visitor's is; "
            "the others walk the same way in memory, since a card dies of small writes",
        ),
    ] = 30
    daily_target: Annotated[
        str,
        Meta(
            description="name of a target that is sent one silent test message a day; "
            "empty for none"
        ),
    ] = ""
    daily_at: Annotated[
        str,
        Meta(
            pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
            title="`HH:MM`",
            description="local time of that message",
        ),
    ] = "12:00"
