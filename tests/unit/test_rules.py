"""Who is told of whom, and how loudly."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.notify import PersonRule, Target
from doorbell.core.decision import Decision
from doorbell.core.rules import Telling, TellKind, may_tell_ring_first, telling
from doorbell.core.visitor import Visitor, stranger_first

NIGHT, DAY = time(23, 0), time(12, 0)
ANNA = Visitor(Decision.KNOWN, "Anna")
BORIS = Visitor(Decision.KNOWN, "Boris")
PERHAPS_ANNA = Visitor(Decision.UNSURE, "Anna")
STRANGER = Visitor(Decision.UNKNOWN)


def target(
    *rules: PersonRule, quiet_hours: str = "22:00-07:00", min_interval_s: float = 0.0
) -> Target:
    return Target(
        name="phone",
        url="console:",
        quiet_hours=quiet_hours,
        min_interval_s=min_interval_s,
        rules=list(rules),
    )


def verdict(
    visitors: list[Visitor],
    where: Target,
    *,
    local: time | None = DAY,
    since_last_s: float | None = None,
    kind: TellKind = "visit",
) -> Telling:
    return telling(kind, visitors, where, local, since_last_s)


def test_by_day_without_rules_everybody_is_told_loudly() -> None:
    assert verdict([STRANGER, ANNA], target()) == Telling(
        told=True, silent=False, visitors=(STRANGER, ANNA)
    )


def test_quiet_hours_deliver_silently() -> None:
    night = verdict([ANNA], target(), local=NIGHT)
    assert night.told
    assert night.silent


def test_an_untrusted_clock_keeps_no_quiet_hours() -> None:
    assert not verdict([ANNA], target(), local=None).silent


def test_within_the_minimum_interval_it_is_silent() -> None:
    where = target(min_interval_s=60.0)
    assert verdict([ANNA], where, since_last_s=59.9).silent
    assert not verdict([ANNA], where, since_last_s=60.0).silent
    assert not verdict([ANNA], where, since_last_s=None).silent


def test_a_clock_that_went_backwards_silences_nothing() -> None:
    assert not verdict([ANNA], target(min_interval_s=60.0), since_last_s=-5.0).silent


def test_a_person_switched_off_is_not_told() -> None:
    where = target(PersonRule(person="Anna", notify=False))
    assert not verdict([ANNA], where).told


def test_off_for_one_target_is_on_for_the_other() -> None:
    off = target(PersonRule(person="Anna", notify=False))
    assert not verdict([ANNA], off).told
    assert verdict([ANNA], target()).told


def test_perhaps_anna_is_told_though_anna_is_off() -> None:
    where = target(PersonRule(person="Anna", notify=False))
    assert verdict([PERHAPS_ANNA], where).told


def test_a_stranger_beside_a_silenced_person_is_told_first() -> None:
    where = target(PersonRule(person="Anna", notify=False))
    mixed = verdict([ANNA, STRANGER], where)
    assert mixed.told
    assert mixed.visitors == (STRANGER, ANNA)


def test_unknown_has_rules_of_its_own() -> None:
    off = target(PersonRule(person="*unknown*", notify=False))
    assert not verdict([STRANGER], off).told
    loud = target(PersonRule(person="*unknown*", always=True))
    assert not verdict([STRANGER], loud, local=NIGHT).silent


def test_a_person_called_like_the_marker_is_not_the_marker() -> None:
    where = target(PersonRule(person="Anna", notify=False))
    assert verdict([Visitor(Decision.UNKNOWN, "Anna")], where).told


@pytest.mark.parametrize("kind", ["name", "visit"])
def test_always_is_loud_at_night_within_the_interval_and_as_update(
    kind: TellKind,
) -> None:
    where = target(PersonRule(person="Anna", always=True), min_interval_s=600.0)
    for visitors in ([ANNA], [PERHAPS_ANNA], [BORIS, ANNA]):
        alarm = verdict(visitors, where, local=NIGHT, since_last_s=1.0, kind=kind)
        assert alarm.told
        assert not alarm.silent


def test_always_wins_over_off() -> None:
    where = target(PersonRule(person="Anna", always=True, notify=False))
    assert verdict([ANNA], where).told


def test_nobody_and_no_answer_are_told_to_all() -> None:
    where = target(
        PersonRule(person="Anna", notify=False),
        PersonRule(person="*unknown*", notify=False),
    )
    assert verdict([], where).told


def test_an_update_makes_no_second_sound() -> None:
    assert verdict([ANNA], target(), kind="name").silent
    assert not verdict([ANNA], target(), kind="visit").silent


def test_wording_is_the_targets_own() -> None:
    where = target(PersonRule(person="Anna", wording="{name} is home"))
    assert verdict([ANNA], where).visitors[0].wording == "{name} is home"
    assert verdict([ANNA], target()).visitors[0].wording == ""


def test_a_ring_comes_first_only_where_it_can_be_replaced_and_may_be_told() -> None:
    assert may_tell_ring_first(target(), can_replace=True)
    assert not may_tell_ring_first(target(), can_replace=False)
    worded = target(PersonRule(person="Anna", wording="{name} is home"))
    assert may_tell_ring_first(worded, can_replace=True)
    off = target(PersonRule(person="Anna", notify=False))
    assert not may_tell_ring_first(off, can_replace=True)


def test_two_faces_of_one_name_are_one_visitor_the_surer() -> None:
    assert stranger_first([PERHAPS_ANNA, ANNA]) == [ANNA]


_visitors = st.lists(
    st.builds(
        Visitor,
        st.sampled_from(
            [Decision.KNOWN, Decision.UNSURE, Decision.UNKNOWN, Decision.NOBODY]
        ),
        st.sampled_from([None, "Anna", "Boris"]),
    ),
    max_size=6,
)
_rules = st.lists(
    st.builds(
        PersonRule,
        person=st.sampled_from(["Anna", "Boris", "*unknown*"]),
        notify=st.booleans(),
        always=st.booleans(),
    ),
    max_size=3,
)


@given(_visitors)
def test_strangers_lead_and_none_is_merged_away(visitors: list[Visitor]) -> None:
    """Kills: strongest first, strangers deduplicated as one name."""
    ordered = [one.decision for one in stranger_first(visitors)]
    unknown = [one for one in visitors if one.decision is Decision.UNKNOWN]
    assert ordered[: len(unknown)] == [Decision.UNKNOWN] * len(unknown)
    assert Decision.UNKNOWN not in ordered[len(unknown) :]
    assert Decision.NOBODY not in ordered


@given(_visitors, _rules, st.times(), st.floats(0.0, 100.0))
def test_a_stranger_without_a_rule_is_never_kept_from_anyone(
    visitors: list[Visitor], rules: list[PersonRule], local: time, since_s: float
) -> None:
    """Kills the mutants: any() for all() in "unwanted", off by the first visitor."""
    about_known = [rule for rule in rules if rule.person != "*unknown*"]
    where = target(*about_known, min_interval_s=50.0)
    told = telling("visit", [*visitors, STRANGER], where, local, since_s)
    assert told.told


@given(_visitors, _rules, st.one_of(st.none(), st.times()))
def test_silence_never_hides_an_alarm(
    visitors: list[Visitor], rules: list[PersonRule], local: time | None
) -> None:
    """Kills the mutants: quiet before always, always only for the first visitor."""
    where = target(PersonRule(person="Eve", always=True), *rules)
    eve = Visitor(Decision.KNOWN, "Eve")
    told = telling("visit", [*visitors, eve], where, local, 0)
    assert told.told
    assert not told.silent
