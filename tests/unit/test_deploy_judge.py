"""The judge: which trial is good, which is bad, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.deploy import Deploy
from production.deployment.judge import (
    Baseline,
    Judgement,
    Limits,
    Observation,
    Verdict,
    judge,
)
from production.deployment.probes import Rung, count_events, read_ring
from production.deployment.rollback_manager import limits_of
from production.deployment.slots import Deployment, DeployState, Phase
from production.deployment.systemd import UnitState, parse_show
from production.deployment.timing import is_wanted, is_within, why_not_update
from production.deployment.versions import refuse_below, version_key
from production.errors import ReleaseRefusedError

LIMITS = Limits()
OLD = Baseline(latency_ms=500.0, memory_bytes=300_000_000)


def good(at_s: float, **more: object) -> Observation:
    usual = Observation(
        at_s,
        "ready",
        memory_bytes=310_000_000,
        events=at_s,
        rang=True,
        latency_ms=510.0,
    )
    return replace(usual, **more)


def trial(count: int = 60, **more: object) -> list[Observation]:
    return [good(10.0 * place, **more) for place in range(count)]


def verdict_of(seen: list[Observation], baseline: Baseline = OLD) -> Judgement:
    return judge(LIMITS, baseline, seen)


def test_a_trial_without_fault_is_good_when_it_is_over() -> None:
    assert verdict_of(trial(59)).verdict is Verdict.PENDING
    assert verdict_of(trial(60)).verdict is Verdict.GOOD
    assert verdict_of([]).verdict is Verdict.PENDING


def test_the_limits_are_the_owners() -> None:
    assert limits_of(Deploy()) == LIMITS
    assert limits_of(Deploy(error_rate=0.2)).error_rate == 0.2


@pytest.mark.parametrize(
    ("latency_ms", "verdict"), [(1000.0, Verdict.GOOD), (1000.1, Verdict.BAD)]
)
def test_more_than_twice_as_slow_is_bad(latency_ms: float, verdict: Verdict) -> None:
    assert verdict_of(trial(60, latency_ms=latency_ms)).verdict is verdict


def test_one_slow_ring_is_not_a_slow_release() -> None:
    """Kills: the mean instead of the median."""
    seen = trial(60)
    seen[5] = replace(seen[5], latency_ms=60_000.0)
    assert verdict_of(seen).verdict is Verdict.GOOD


def test_latency_is_not_judged_before_thirty_rings() -> None:
    assert verdict_of(trial(29, latency_ms=9000.0)).verdict is Verdict.PENDING
    assert verdict_of(trial(30, latency_ms=9000.0)).verdict is Verdict.BAD


def test_a_tenth_of_errors_is_borne_and_more_is_not() -> None:
    borne = trial(20)
    borne[3] = replace(borne[3], latency_ms=None)
    assert verdict_of(borne).verdict is Verdict.PENDING
    for place in (5, 7, 9, 11):
        borne[place] = replace(borne[place], latency_ms=None)
    judged = verdict_of([replace(one, events=0.0) for one in borne])
    assert (judged.verdict, judged.reason) == (
        Verdict.BAD,
        "5 of 20 events were errors",
    )


def test_errors_of_real_visits_count_as_well() -> None:
    seen = [
        replace(one, events=2.0 * place, errors=1.0 * place)
        for place, one in enumerate(trial(12))
    ]
    assert verdict_of(seen).verdict is Verdict.BAD


def test_a_counter_that_begins_anew_is_not_negative() -> None:
    seen = trial(40)
    again = [replace(one, events=one.events - 200.0) for one in seen[20:]]
    figures = verdict_of(seen[:20] + again).figures
    assert figures["events"] == pytest.approx(190.0 + 190.0 + 40.0)


@pytest.mark.parametrize("health", ["unready", "silent"])
def test_it_may_be_unready_for_the_grace_and_no_longer(health: str) -> None:
    seen = trial(5) + [good(50.0 + s, health=health, rang=False) for s in range(21)]
    assert verdict_of(seen).verdict is Verdict.PENDING
    seen.append(good(70.1, health=health, rang=False, detail="camera"))
    judged = verdict_of(seen)
    assert judged.verdict is Verdict.BAD
    assert "camera" in judged.reason


def test_a_release_that_never_becomes_ready_is_bad_after_the_grace() -> None:
    seen = [good(float(s), health="unready", rang=False) for s in range(32)]
    assert verdict_of(seen[:31]).verdict is Verdict.PENDING
    assert verdict_of(seen).verdict is Verdict.BAD


def test_a_watchdog_is_bad_at_once_and_restarts_after_one() -> None:
    assert verdict_of([good(0.0, watchdog=True)]).verdict is Verdict.BAD
    assert verdict_of([good(0.0, restarts=1)]).verdict is Verdict.PENDING
    assert verdict_of([good(0.0, restarts=2)]).verdict is Verdict.BAD


def test_twice_the_memory_and_some_is_bad() -> None:
    assert verdict_of(trial(60, memory_bytes=660_000_000)).verdict is Verdict.GOOD
    judged = verdict_of(trial(60, memory_bytes=700_000_000))
    assert judged.verdict is Verdict.BAD
    assert "700 MB" in judged.reason


def test_too_few_answers_are_no_proof() -> None:
    seen = [good(one, rang=False) for one in range(601)]
    judged = verdict_of(seen)
    assert judged.verdict is Verdict.BAD
    assert "only 0 rings" in judged.reason


def test_rings_that_the_old_release_did_not_answer_either_prove_nothing() -> None:
    seen = [good(10.0 * place, latency_ms=None, events=0.0) for place in range(61)]
    assert verdict_of(seen, Baseline(rings_fail=True)).verdict is Verdict.GOOD
    assert verdict_of(seen).verdict is Verdict.BAD


def test_what_is_unready_at_the_end_is_not_committed_yet() -> None:
    seen = trial(60)
    seen[-1] = replace(seen[-1], health="unready")
    assert verdict_of(seen).verdict is Verdict.PENDING


observations = st.lists(
    st.builds(
        Observation,
        at_s=st.just(0.0),
        health=st.sampled_from(["ready", "unready", "silent"]),
        restarts=st.integers(0, 3),
        watchdog=st.booleans(),
        events=st.floats(0, 1e6),
        errors=st.floats(0, 1e6),
        memory_bytes=st.none() | st.integers(0, 1 << 40),
        rang=st.booleans(),
        latency_ms=st.none() | st.floats(0, 1e6),
    ),
    max_size=80,
).map(lambda seen: [replace(one, at_s=10.0 * n) for n, one in enumerate(seen)])


@given(observations)
def test_nothing_is_committed_that_broke_a_limit(seen: list[Observation]) -> None:
    """Kills: `<` for `<=` of the restarts; health not looked at."""
    judged = verdict_of(seen)
    if judged.verdict is Verdict.GOOD:
        assert judged.figures["answered"] >= LIMITS.min_rings
        assert judged.figures["restarts"] <= LIMITS.restarts
        assert judged.figures["latency_ms"] <= 1000.0
        assert seen[-1].health == "ready"
    if judged.verdict is Verdict.BAD:
        assert judged.reason


# What the judge is told by others.


def test_events_are_counted_from_the_metrics() -> None:
    metrics = """
# HELP pipeline_events_total Steps.
pipeline_events_total{event_type="ring",status="success"} 9.0
pipeline_events_total{event_type="decided",status="degraded"} 2.0
pipeline_events_total_created{event_type="ring"} 1.7e9
doorbell_visits_total{decision="known"} 5.0
"""
    assert count_events(metrics) == (11.0, 2.0)
    assert count_events("pipeline_events_total NaNsense") == (0.0, 0.0)


def test_the_last_line_of_a_press_is_read() -> None:
    said = 'noise\n{"decision": "unknown", "timings_ms": {"decision": 412.5}}\n'
    assert read_ring(said, 900.0) == Rung(412.5, "unknown")
    degraded = '{"decision": "degraded", "reason": "too_slow", "timings_ms": {}}'
    ring = read_ring(degraded, 900.0)
    assert ring is not None
    assert ring.latency_ms is None
    for broken in ("", "{}", "null", "[1]", '{"decision": 1, "timings_ms": []}'):
        assert read_ring(broken, 1.0) is None


def test_what_systemctl_shows_is_read() -> None:
    text = "ActiveState=active\nResult=success\nNRestarts=2\n"
    text += "MemoryCurrent=[not set]\nStatusText=standby: warm\n"
    seen = parse_show(text)
    assert seen == UnitState("active", "success", 2, "standby: warm", None)
    assert seen.stands_by
    assert parse_show("").active == "inactive"


@pytest.mark.parametrize(
    ("window", "hour", "inside"),
    [
        ("", 4, True),
        ("03:00-05:00", 4, True),
        ("03:00-05:00", 5, False),
        ("22:00-02:00", 23, True),
        ("22:00-02:00", 1, True),
        ("22:00-02:00", 12, False),
    ],
)
def test_the_window_is_local_time(window: str, hour: int, inside: bool) -> None:
    assert is_within(window, time(hour)) is inside
    held = why_not_update(Deploy(window=window), synchronised=True, at=time(hour))
    assert (held == "") is inside


def test_no_update_before_the_clock_is_synchronised() -> None:
    assert why_not_update(Deploy(window=""), synchronised=False, at=time(4))


def test_the_timer_wants_what_is_newer_and_did_not_fail() -> None:
    failed = Deployment(1, "1.2.0", "green", "blue", "", "", "", Phase.ROLLED_BACK)
    state = DeployState("blue", {"blue": "1.1.0"}, history=(failed,))
    assert is_wanted(state, "1.3.0")
    assert not is_wanted(state, "1.2.0")
    assert not is_wanted(state, "1.1.0")
    assert not is_wanted(state, "1.0.9")


def test_versions_are_ordered_as_people_mean_them() -> None:
    ordered = ["0.9", "1.0.0a1", "1.0.0b2", "1.0.0rc1", "1.0.0", "1.0.10", "1.1"]
    assert sorted(ordered, key=version_key) == ordered
    assert version_key("1.0") == version_key("1.0.0")


@pytest.mark.parametrize(
    "text", ["", "v1", "1.0.0-x", "../1", "1.2.3.4.5", "1\u0660", "1.0\n"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ReleaseRefusedError):
        version_key(text)


def test_what_is_below_the_floor_is_refused() -> None:
    refuse_below("", "0.1")
    refuse_below("1.0", "1.0")
    with pytest.raises(ReleaseRefusedError):
        refuse_below("1.0", "1.0rc1")
