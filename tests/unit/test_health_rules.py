"""What each check says of its facts, and what they amount to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.health import facts as f
from monitoring.health import rules
from monitoring.health.checklist import Check, Checklist, Moment
from monitoring.health.report import assemble, result
from monitoring.health.verdict import Status, Verdict, Weight, healthy, score

STATUSES = st.sampled_from(list(Status))
WEIGHTS = st.sampled_from(list(Weight))
WORST_FIRST = [Status.UNHEALTHY, Status.DEGRADED, Status.HEALTHY]

CAMERA = f.CameraFacts(True, "ok", 0.1, 5.0)
ENGINE = f.EngineFacts(True, True, "running", "fake")
JOURNAL = f.JournalFacts(True, "running", "ok")
STATE = f.StateFacts(1.0)
OUTBOX = f.OutboxFacts(True, "running", 1)
DISK = f.DiskFacts(32 << 30, 16 << 30)
NETWORK = f.NetworkFacts(("eth0",), has_route=True)
SYNTHETIC = f.SyntheticFacts(60.0, 30.0, 1000.0)


def status_of(verdict: Verdict) -> Status:
    """Return the status, after a look at what every verdict owes to its reader."""
    if verdict.status is not Status.HEALTHY:
        assert verdict.detail
        assert verdict.hint, "whoever reads this needs to know what helps"
    return verdict.status


def test_what_is_well_is_healthy() -> None:
    verdicts = [
        rules.camera(CAMERA),
        rules.engine(ENGINE),
        rules.journal(JOURNAL),
        rules.state(STATE),
        rules.outbox(OUTBOX),
        rules.workers([f.WorkerFacts("vision", "running")]),
        rules.disk(DISK),
        rules.clock(synced=True),
        rules.audit("", 7),
        rules.network(NETWORK),
        rules.synthetic(SYNTHETIC),
    ]
    assert {status_of(verdict) for verdict in verdicts} == {Status.HEALTHY}


@pytest.mark.parametrize("age_s", [None, 5.0, 60.0])
def test_a_camera_without_a_fresh_frame_is_unhealthy(age_s: float | None) -> None:
    facts = replace(CAMERA, frame_age_s=age_s, condition="absent", hint="plug it in")
    verdict = rules.camera(facts)
    assert status_of(verdict) is Status.UNHEALTHY
    assert verdict.hint == "plug it in"


def test_a_camera_that_says_ok_but_sends_nothing_is_not_believed() -> None:
    assert status_of(rules.camera(replace(CAMERA, frame_age_s=5.0))) is Status.UNHEALTHY


def test_a_black_camera_is_degraded_while_its_frames_come() -> None:
    assert status_of(rules.camera(replace(CAMERA, condition="black"))) is (
        Status.DEGRADED
    )


def test_what_the_owner_switched_off_is_no_fault() -> None:
    camera = replace(CAMERA, is_wanted=False, condition="off", frame_age_s=None)
    assert status_of(rules.camera(camera)) is Status.HEALTHY
    engine = replace(ENGINE, is_wanted=False, is_up=False, worker="fatal")
    assert status_of(rules.engine(engine)) is Status.HEALTHY
    off = f.SyntheticFacts(0.0, None, 1e6)
    assert status_of(rules.synthetic(off)) is Status.HEALTHY


def test_an_engine_that_did_not_rehearse_is_unhealthy() -> None:
    facts = replace(ENGINE, is_up=False, worker="starting")
    assert status_of(rules.engine(facts)) is Status.UNHEALTHY
    noted = replace(ENGINE, note="the better network is not installed")
    assert status_of(rules.engine(noted)) is Status.DEGRADED


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(JOURNAL, is_up=False, worker="fatal"), Status.UNHEALTHY),
        (replace(JOURNAL, condition="broken"), Status.UNHEALTHY),
        (replace(JOURNAL, condition=""), Status.UNHEALTHY),
        (replace(JOURNAL, line="absent"), Status.DEGRADED),
        (replace(JOURNAL, line="off"), Status.HEALTHY),
    ],
)
def test_the_journal(facts: f.JournalFacts, expected: Status) -> None:
    assert status_of(rules.journal(facts)) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (f.StateFacts(None), Status.UNHEALTHY),
        (f.StateFacts(1.0, trouble="read-only"), Status.UNHEALTHY),
        (f.StateFacts(1.0, unanswered_s=2.1), Status.UNHEALTHY),
        (f.StateFacts(1.0, unanswered_s=1.9), Status.HEALTHY),
    ],
)
def test_the_state(facts: f.StateFacts, expected: Status) -> None:
    assert status_of(rules.state(facts)) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(OUTBOX, targets=0), Status.DEGRADED),
        (replace(OUTBOX, is_up=False, worker="backoff"), Status.UNHEALTHY),
        (replace(OUTBOX, waiting=3, overdue_s=31.0), Status.UNHEALTHY),
        (replace(OUTBOX, waiting=3, oldest_s=301.0), Status.DEGRADED),
        (replace(OUTBOX, waiting=3, oldest_s=10.0), Status.HEALTHY),
    ],
)
def test_the_outbox(facts: f.OutboxFacts, expected: Status) -> None:
    assert status_of(rules.outbox(facts)) is expected


@given(waiting=st.integers(0, 1000), oldest_s=st.floats(0, 1e6))
def test_a_dead_network_is_its_own_check_s_affair(
    waiting: int, oldest_s: float
) -> None:
    # Kills: `has_network` ignored, so that a router's night makes the bell unready.
    facts = f.OutboxFacts(
        True, "running", 1, waiting, oldest_s, refusing=("phone",), has_network=False
    )
    assert status_of(rules.outbox(facts)) is Status.HEALTHY
    dead = f.NetworkFacts((), has_route=False)
    assert status_of(rules.network(dead)) is Status.UNHEALTHY


@given(
    states=st.lists(
        st.sampled_from(["stopped", "starting", "running", "backoff", "fatal"]),
        max_size=6,
    )
)
def test_the_workers_are_as_bad_as_the_worst(states: list[str]) -> None:
    # Kills: only the first worker looked at; `backoff` taken for lost.
    facts = [f.WorkerFacts(f"role{n}", state) for n, state in enumerate(states)]
    verdict = rules.workers(facts)
    if "fatal" in states:
        assert status_of(verdict) is Status.UNHEALTHY
    elif set(states) - {"running"}:
        assert status_of(verdict) is Status.DEGRADED
    else:
        assert status_of(verdict) is Status.HEALTHY


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(DISK, is_read_only=True), Status.UNHEALTHY),
        (replace(DISK, is_known=False), Status.UNHEALTHY),
        (replace(DISK, free_bytes=63 << 20), Status.DEGRADED),
        (replace(DISK, free_bytes=7 << 20), Status.UNHEALTHY),
    ],
)
def test_the_disk(facts: f.DiskFacts, expected: Status) -> None:
    assert status_of(rules.disk(facts)) is expected


def test_a_log_that_cannot_be_written_degrades_and_no_more() -> None:
    assert status_of(rules.audit("the card is full", 7)) is Status.DEGRADED


def test_a_house_without_internet_still_has_a_network() -> None:
    facts = replace(NETWORK, has_route=False)
    assert status_of(rules.network(facts)) is Status.DEGRADED


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(SYNTHETIC, since_success_s=601.0), Status.UNHEALTHY),
        (replace(SYNTHETIC, since_success_s=599.0), Status.HEALTHY),
        (replace(SYNTHETIC, failure="the camera gave no picture"), Status.DEGRADED),
        (f.SyntheticFacts(60.0, None, 599.0), Status.HEALTHY),
        (f.SyntheticFacts(60.0, None, 601.0), Status.UNHEALTHY),
    ],
)
def test_the_doorbell_s_own_rings(facts: f.SyntheticFacts, expected: Status) -> None:
    assert status_of(rules.synthetic(facts)) is expected


# What the checks amount to.


def checked(status: Status, weight: Weight, *, gates: bool) -> object:
    return result(
        Verdict(status),
        weight=weight,
        gates_ready=gates,
        latency_ms=0.0,
        since=None,
        for_s=0.0,
    )


@given(
    rows=st.lists(st.tuples(STATUSES, WEIGHTS, st.booleans()), max_size=8),
    data=st.data(),
)
def test_the_report_is_its_worst_check(
    rows: list[tuple[Status, Weight, bool]], data: st.DataObject
) -> None:
    # Kills: a mean in place of the minimum; readiness that asks every check, or none;
    # an order of the checks that matters.
    shuffled = data.draw(st.permutations(rows))
    checks = {
        f"check{n}": checked(status, weight, gates=gates)
        for n, (status, weight, gates) in enumerate(shuffled)
    }
    report = assemble(checks, "1", 1.0)  # type: ignore[arg-type] # as made above
    assert report.score == min((score(s, w) for s, w, _ in rows), default=1.0)
    assert 0.0 <= report.score <= 1.0
    is_ready = not any(gates and s is Status.UNHEALTHY for s, _, gates in rows)
    assert report.ready is is_ready
    assert (report.status is Status.UNHEALTHY) is not is_ready
    all_well = all(s is Status.HEALTHY for s, _, _ in rows)
    assert (report.status is Status.HEALTHY) is all_well


@given(weight=WEIGHTS)
def test_a_worse_status_never_scores_more(weight: Weight) -> None:
    # Kills: badness of two statuses swapped.
    scores = [score(status, weight) for status in WORST_FIRST]
    assert scores == sorted(scores)
    assert scores[-1] == 1.0


def test_a_heavier_thing_costs_more() -> None:
    scores = [score(Status.UNHEALTHY, weight) for weight in Weight]
    assert scores == sorted(scores)
    assert scores[0] == 0.0


# Asking.


def list_of(*checks: Check) -> Checklist:
    one = Checklist("1.2.3", Moment(100.0, None))
    for check in checks:
        one.register(check)
    return one


def test_it_is_told_since_when_a_check_is_so() -> None:
    answers = iter([healthy(), healthy(), Verdict(Status.DEGRADED, "x", "y")])
    checks = list_of(Check("one", lambda: next(answers)))
    first = checks.report(Moment(110.0, 1_000_000_000.0)).checks["one"]
    assert first.since == "2001-09-09T01:46:40Z"
    second = checks.report(Moment(130.0, 1_000_000_020.0)).checks["one"]
    assert (second.since, second.for_s) == (first.since, 20.0)
    third = checks.report(Moment(131.0, 1_000_000_021.0)).checks["one"]
    assert (third.since, third.for_s) == ("2001-09-09T01:47:01Z", 0.0)


def test_a_clock_nobody_trusts_gives_no_date() -> None:
    report = list_of(Check("one", healthy)).report(Moment(100.0, None))
    assert report.checks["one"].since is None


def test_a_check_of_one_s_own_can_be_registered() -> None:
    audit = Check("audit", healthy, Weight.MAJOR, gates_ready=True)
    report = list_of(audit).report(Moment(160.0, None))
    assert report.checks["audit"].weight is Weight.MAJOR
    assert (report.version, report.uptime_s) == ("1.2.3", 60.0)


def test_two_checks_of_one_name_are_refused() -> None:
    checks = list_of(Check("one", healthy))
    with pytest.raises(ValueError, match="one"):
        checks.register(Check("one", healthy))


def test_a_check_that_fails_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Verdict:
        raise ZeroDivisionError

    checks = list_of(Check("bad", broken), Check("good", healthy))
    for _ in range(3):
        found = checks.report(Moment(100.0, None))
    assert len(caplog.records) == 1, "logged once, not with every asking"
    assert found.checks["bad"].status is Status.UNHEALTHY
    assert "ZeroDivisionError" in found.checks["bad"].detail
    assert found.checks["good"].status is Status.HEALTHY


def test_what_the_thing_itself_took_is_told_rather_than_the_asking() -> None:
    report = list_of(Check("state", lambda: healthy("", 12.5))).report(
        Moment(100.0, None)
    )
    assert report.checks["state"].latency_ms == 12.5
