"""What was seen before the press helps the right visitor, and nobody else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from doorbell.runtime import requests as r
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from doorstep import Doorstep

pytestmark = pytest.mark.timeout(25)


def who_is_seen(household: Doorstep) -> list[str]:
    """Decisions about the newest frame, by a look that is no glance."""
    (looked,) = household.ask(r.LookRequest())
    return [str(face.verdict.decision) for face in looked.faces]


def test_who_stood_there_before_the_press_is_named_from_memory(
    household: Doorstep,
) -> None:
    household.stand("nobody")
    household.stand("anna")
    household.press()
    household.told(1)
    visit = household.visits()[0]
    assert visit.faces[0].name == "Anna"


def test_a_passer_by_lends_her_name_to_nobody(household: Doorstep) -> None:
    for _ in range(3):
        household.stand("nobody")
        household.stand("anna")
        household.show("stranger")
        until(lambda: who_is_seen(household) == ["unknown"], what="the stranger")
        before = len(household.sink.received)
        household.press()
        household.told(before + 1)
        visit = household.visits()[0]
        assert visit.decision == "unknown"
        time.sleep(0.5)  # the next press is another visit
