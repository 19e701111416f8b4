"""The accuracy that is shown is that of this house."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from doorbell.runtime import requests as r
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from doorstep import Doorstep

ACCURACY = "face_recognition_accuracy"
SAMPLES = "doorbell_recognition_accuracy_samples"
UPPER = "doorbell_recognition_accuracy_upper_ratio"


@pytest.fixture
def measured(doorstep: Doorstep) -> Doorstep:
    """A doorstep with Anna enrolled that measures itself every second."""
    doorstep.change(
        "[operations]",
        "[metrics]\naccuracy_every_s = 1\naccuracy_faces = 1\n[operations]",
    )
    doorstep.start()
    doorstep.ready()
    doorstep.enrol("Anna", "anna")
    return doorstep


def shown(doorstep: Doorstep) -> dict[str, float]:
    with doorstep.connection() as connection:
        for _, fds in connection.ask(r.ShowMetrics()):
            with open(fds[0], "rb") as file:  # noqa: PTH123 - a descriptor
                file.seek(0)
                content = msgspec.json.decode(file.read())
    return {
        one["name"] + "".join(f" {x}" for x in one["labels"].values()): one["value"]
        for one in content["metrics"]
        if one["name"] in (ACCURACY, SAMPLES, UPPER)
    }


def test_without_labels_it_rests_on_the_gallery(measured: Doorstep) -> None:
    found = f"{ACCURACY} fake"
    until(lambda: found in shown(measured), 6.0, "the gallery to be judged")
    assert shown(measured) == {
        found: 1.0,
        f"{SAMPLES} gallery": 2,
        f"{SAMPLES} labelled_visits": 0,
        UPPER: 1.0,
    }


def test_the_owners_labels_tell_it_better(measured: Doorstep) -> None:
    measured.stand("anna")
    measured.press()
    measured.told()
    visit = measured.visits()[0].id
    # It was somebody who is not enrolled: the answer "Anna" was wrong.
    list(measured.ask(r.LabelVisit(visit=visit, face=1, who="")))
    labelled = f"{SAMPLES} labelled_visits"
    until(lambda: shown(measured).get(labelled) == 1, 6.0, "the label to count")
    found = shown(measured)
    assert (found[f"{ACCURACY} fake"], found[f"{SAMPLES} gallery"]) == (0.0, 0)
    # One wrong answer says little: it may still be right four times of five.
    assert found[UPPER] == pytest.approx(0.79, abs=0.01)
