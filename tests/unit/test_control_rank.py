"""To press is not to enrol, erase or export."""

from __future__ import annotations

import os

import pytest

from doorbell.runtime import requests as r
from doorbell.runtime.control import identify, may
from doorbell.runtime.link import pair

CHANGES = [
    r.EnrolBegin(name="Anna", consent="Anna"),
    r.ErasePerson(who="Anna"),
    r.ExportPerson(who="Anna"),
    r.RenamePerson(who="Anna", name="Ben"),
    r.LabelVisit(visit="abcd", face=1, who=""),
    r.LookRequest(),
    r.ShowVisit(visit="abcd"),
    r.EnrolCamera(),
]


@pytest.mark.parametrize("request_", CHANGES, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("rank", ["member", "other"])
def test_faces_and_changes_are_for_admins(request_: r.Request, rank: str) -> None:
    assert not may(rank, request_)
    assert may("admin", request_)


def test_everybody_may_ring_and_only_members_may_read_lists() -> None:
    assert may("other", r.PressRequest())
    assert not may("other", r.ListVisits())
    assert may("member", r.ListVisits())
    assert may("member", r.ListPeople())
    # They tell when people are at home.
    assert not may("other", r.ShowMetrics())
    assert may("member", r.ShowMetrics())


def test_the_daemons_own_user_is_an_admin() -> None:
    ours, theirs = pair()
    caller = identify(ours, "no-such-group", "no-such-group")
    assert caller.uid == os.geteuid()
    assert caller.rank == "admin"
    ours.close()
    theirs.close()
