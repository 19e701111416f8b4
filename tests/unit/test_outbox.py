"""When a notification is tried again, merged or given up."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.outbox import (
    JITTER,
    LONGEST_WISH_S,
    Dead,
    Pending,
    Retry,
    RetryPolicy,
    Sent,
    after_attempt,
    is_expired,
    plan,
)

POLICY = RetryPolicy(first_s=2.0, max_s=300.0, expire_s=86400.0, digest_after_s=60.0)


@dataclass(frozen=True)
class Row:
    id: int
    visit_id: str
    kind: str
    target: str


def waiting(  # noqa: PLR0913 - each fact of a row has a default here
    row: int,
    visit: str,
    *,
    age_s: float | None = 1.0,
    kind: str = "visit",
    target: str = "phone",
    not_before_s: float = 0.0,
) -> Pending:
    return Pending(Row(row, visit, kind, target), age_s, not_before_s)


def ids(pending: list[Pending], now_s: float = 0.0) -> list[tuple[bool, list[int]]]:
    return [
        (parcel.digest, [item.id for item in parcel.items])
        for parcel in plan(pending, now_s, POLICY).parcels
    ]


def wait_s(attempts: int, jitter: float = 0.0, wish_s: float | None = None) -> float:
    verdict = after_attempt("retry", attempts, wish_s, 0.0, POLICY, jitter=jitter)
    assert isinstance(verdict, Retry)
    return verdict.wait_s


def test_success_is_final_even_after_expiry() -> None:
    assert after_attempt("sent", 9, None, 1e9, POLICY) == Sent()


def test_refusal_is_a_dead_letter_at_once() -> None:
    assert isinstance(after_attempt("refused", 1, None, 0.0, POLICY), Dead)


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 2.0), (2, 4.0), (3, 8.0), (8, 256.0), (9, 300.0)]
)
def test_the_wait_doubles_up_to_the_cap(attempts: int, seconds: float) -> None:
    assert wait_s(attempts) == seconds


@given(st.integers(1, 100_000), st.floats(0.0, 1.0))
def test_jitter_only_shortens_and_by_a_quarter_at_most(
    attempts: int, jitter: float
) -> None:
    """Kills the mutants: no cap, jitter added, power that overflows a float."""
    plain = wait_s(attempts)
    assert plain <= POLICY.max_s
    assert plain * (1 - JITTER) - 1e-9 <= wait_s(attempts, jitter) <= plain


@given(st.integers(1, 50))
def test_full_jitter_is_seen(attempts: int) -> None:
    """Kills the mutant that ignores its randomness."""
    assert wait_s(attempts, 1.0) == pytest.approx(wait_s(attempts) * (1 - JITTER))


@given(st.integers(1, 20), st.floats(allow_nan=True, allow_infinity=True))
def test_a_targets_wish_lengthens_the_wait_within_bounds(
    attempts: int, wish_s: float
) -> None:
    """Kills the mutants: min for max, wish unbounded, NaN let through."""
    result = wait_s(attempts, wish_s=wish_s)
    assert wait_s(attempts) <= result <= LONGEST_WISH_S
    if 0 <= wish_s <= LONGEST_WISH_S:
        assert result >= wish_s


@pytest.mark.parametrize("wish_s", [float("inf"), float("nan"), -1.0])
def test_a_nonsense_wish_is_ignored(wish_s: float) -> None:
    assert wait_s(1, wish_s=wish_s) == wait_s(1)


def test_a_failure_past_expiry_is_a_dead_letter() -> None:
    assert isinstance(after_attempt("retry", 3, None, 86400.0, POLICY), Dead)
    assert isinstance(after_attempt("retry", 3, None, 86399.9, POLICY), Retry)


@given(st.integers(1, 1000))
def test_an_unknown_age_never_expires(attempts: int) -> None:
    """Kills the mutant that takes None for infinitely old."""
    assert isinstance(after_attempt("retry", attempts, None, None, POLICY), Retry)
    assert not is_expired(None, 0.0)


def test_fresh_visits_go_out_one_by_one_in_order() -> None:
    assert ids([waiting(1, "a"), waiting(2, "b")]) == [(False, [1]), (False, [2])]


def test_what_piled_up_for_a_target_is_one_digest() -> None:
    old = [waiting(1, "a", age_s=300.0), waiting(2, "b", age_s=200.0)]
    assert ids([*old, waiting(3, "c", age_s=1.0)]) == [(True, [1, 2]), (False, [3])]


def test_one_old_visit_is_no_digest() -> None:
    rows = [waiting(1, "a", age_s=300.0, kind="ring")]
    rows += [waiting(2, "a", age_s=299.0, kind="name")]
    assert ids(rows) == [(False, [1, 2])]


def test_a_digest_is_per_target() -> None:
    rows = [
        waiting(1, "a", age_s=300.0, target="phone"),
        waiting(2, "b", age_s=300.0, target="mail"),
    ]
    assert ids(rows) == [(False, [1]), (False, [2])]


def test_the_waiting_limit_itself_is_not_yet_old() -> None:
    assert ids([waiting(1, "a", age_s=60.0), waiting(2, "b", age_s=60.0)]) == [
        (False, [1]),
        (False, [2]),
    ]


def test_an_unknown_age_joins_the_digest() -> None:
    assert ids([waiting(1, "a", age_s=None), waiting(2, "b", age_s=None)]) == [
        (True, [1, 2])
    ]


def test_a_name_takes_the_place_of_its_untold_ring() -> None:
    rows = [waiting(1, "a", kind="ring"), waiting(2, "a", kind="name")]
    (parcel,) = plan(rows, 0.0, POLICY).parcels
    assert parcel.last.kind == "name"
    assert [item.id for item in parcel.items] == [1, 2]


def test_a_new_ring_does_not_wait_for_an_older_back_off() -> None:
    rows = [waiting(1, "a", not_before_s=50.0), waiting(2, "b")]
    assert ids(rows, now_s=10.0) == [(False, [2])]


def test_nothing_goes_out_before_its_time() -> None:
    rows = [waiting(1, "a", age_s=300.0, not_before_s=50.0)]
    rows += [waiting(2, "b", age_s=300.0, not_before_s=40.0)]
    assert ids(rows, now_s=39.9) == []
    assert ids(rows, now_s=40.0) == [(True, [1, 2])]


def test_expired_rows_are_dead_letters_and_not_sent() -> None:
    rows = [waiting(1, "a", age_s=86400.0), waiting(2, "b", age_s=1.0)]
    result = plan(rows, 0.0, POLICY)
    assert [item.id for item in result.expired] == [1]
    assert [item.id for parcel in result.parcels for item in parcel.items] == [2]


_ages = st.one_of(st.none(), st.floats(0.0, 100_000.0))
_rows = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from(["ring", "name"]),
        st.sampled_from(["phone", "mail"]),
        _ages,
        st.sampled_from([0.0, 5.0, 50.0]),
    ),
    max_size=12,
)


@given(_rows, st.floats(0.0, 100.0))
def test_no_row_is_lost_doubled_or_reordered(
    drawn: list[tuple[str, str, str, float | None, float]], now_s: float
) -> None:
    """Kills: rows dropped by a digest, sent twice, mixed targets, order by visit."""
    rows = [
        waiting(row, visit, kind=kind, target=target, age_s=age_s, not_before_s=due_s)
        for row, (visit, kind, target, age_s, due_s) in enumerate(drawn)
    ]
    result = plan(rows, now_s, POLICY)
    sent = [item.id for parcel in result.parcels for item in parcel.items]
    dead = [item.id for item in result.expired]
    assert len(set(sent + dead)) == len(sent + dead)
    for parcel in result.parcels:
        row_ids = [item.id for item in parcel.items]
        assert row_ids == sorted(row_ids)
        assert {item.target for item in parcel.items} == {parcel.target}
        visits = {item.visit_id for item in parcel.items}
        assert (len(visits) > 1) == parcel.digest
    for row in rows:
        idle = row.not_before_s <= now_s
        if idle and not is_expired(row.age_s, POLICY.expire_s):
            assert row.item.id in sent


@given(_rows)
def test_at_most_one_digest_a_target(
    drawn: list[tuple[str, str, str, float | None, float]],
) -> None:
    """Kills the mutant that makes a digest of every due row."""
    rows = [
        waiting(row, visit, kind=kind, target=target, age_s=age_s)
        for row, (visit, kind, target, age_s, _) in enumerate(drawn)
    ]
    targets = [p.target for p in plan(rows, 0.0, POLICY).parcels if p.digest]
    assert len(targets) == len(set(targets))
