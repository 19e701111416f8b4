"""What was seen before the press helps the right visitor, and nobody else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Doorstep

pytestmark = pytest.mark.timeout(25)


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
        time.sleep(0.4)  # the stranger is in the newest frames, Anna in those before
        before = len(household.sink.received)
        household.press()
        household.told(before + 1)
        visit = household.visits()[0]
        assert visit.decision == "unknown"
        time.sleep(0.5)  # the next press is another visit
