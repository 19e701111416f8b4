"""When an undelivered notification is tried again, merged or given up.

Pure. The hub keeps the rows and the clocks; here is only what follows from them. An
item's age may be unknown (written before a reboot, by a clock nobody trusted): such an
item counts as old enough for a digest, and never as expired. A late push is a
nuisance, a lost ring breaks the first promise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# A target may ask for patience, but not for more than this.
LONGEST_WISH_S = 3600.0
# Share of a wait that chance may take off, so that targets behind the same dead router
# do not all come back in the same instant.
JITTER = 0.25
# 2 ** 32 seconds is longer than any cap; larger powers would overflow a float.
MOST_DOUBLINGS = 32

OutcomeWord = Literal["sent", "retry", "refused"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Limits of `[notify]`, in seconds.

    Attributes:
        first_s: wait after the first failure; doubles with each further one.
        max_s: longest wait.
        expire_s: undelivered after this is a dead letter.
        digest_after_s: what waited longer than this may be merged.
    """

    first_s: float
    max_s: float
    expire_s: float
    digest_after_s: float


@dataclass(frozen=True, slots=True)
class Sent:
    """The target has it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after this many seconds."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Dead:
    """A dead letter; `reason` is for people."""

    reason: str


class Waiting(Protocol):
    """What the rules need to know of an outbox row (`ports.store.OutboxItem` fits)."""

    @property
    def id(self) -> int:
        """Row id."""
        ...

    @property
    def visit_id(self) -> str:
        """Whose."""
        ...

    @property
    def kind(self) -> str:
        """`ring`, `name` or `visit`."""
        ...

    @property
    def target(self) -> str:
        """Name of the target."""
        ...


@dataclass(frozen=True, slots=True)
class Pending:
    """A row that waits, and since when.

    Attributes:
        age_s: since it was put in; None when no clock can tell.
        not_before_s: monotonic seconds of this boot until which it backs off; 0 for
            never tried, or for a target that has just answered.
    """

    item: Waiting
    age_s: float | None
    not_before_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes to a target as one push.

    Attributes:
        items: the rows it settles, oldest first. More than one for a digest, and for
            a name whose ring was never told: the name says it all.
        digest: several visits in one push.
    """

    target: str
    items: tuple[Waiting, ...]
    digest: bool

    @property
    def last(self) -> Waiting:
        """The row whose words are said when this is no digest."""
        return self.items[-1]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now: parcels in the order of sending, and rows past their time."""

    parcels: tuple[Parcel, ...]
    expired: tuple[Waiting, ...]


def after_attempt(  # noqa: PLR0913 - six facts decide, none belongs to another
    outcome: OutcomeWord,
    attempts: int,
    retry_after_s: float | None,
    age_s: float | None,
    policy: RetryPolicy,
    *,
    jitter: float = 0.0,
) -> Sent | Retry | Dead:
    """Say where an attempt leaves an item.

    Args:
        outcome: how the attempt went.
        attempts: made so far, this one included.
        retry_after_s: the target's own wish; nonsense is ignored.
        age_s: of the item; None when no clock can tell.
        policy: limits.
        jitter: chance in 0..1, drawn by the caller.
    """
    match outcome:
        case "sent":
            return Sent()
        case "refused":
            return Dead("refused by the target")
        case "retry":
            if is_expired(age_s, policy.expire_s):
                return Dead("expired")
            return Retry(_wait_s(attempts, retry_after_s, policy, jitter))


def _wait_s(
    attempts: int, retry_after_s: float | None, policy: RetryPolicy, jitter: float
) -> float:
    doublings = min(max(attempts - 1, 0), MOST_DOUBLINGS)
    backoff_s = min(policy.first_s * 2.0**doublings, policy.max_s)
    backoff_s *= 1.0 - JITTER * min(max(jitter, 0.0), 1.0)
    return max(backoff_s, _wish_s(retry_after_s))


def _wish_s(retry_after_s: float | None) -> float:
    if retry_after_s is None or not math.isfinite(retry_after_s):
        return 0.0
    return min(max(retry_after_s, 0.0), LONGEST_WISH_S)


def is_expired(age_s: float | None, expire_s: float) -> bool:
    """Whether an item is a dead letter by age; an unknown age never is."""
    return age_s is not None and age_s >= expire_s


def plan(pending: Sequence[Pending], now_s: float, policy: RetryPolicy) -> Plan:
    """Say what goes out now, and as what.

    Per target: rows that waited longer than `digest_after_s` become one digest if
    they tell of two visits or more, as soon as one of them is due; it goes first, being
    the oldest. Everything else that is due goes out by itself in the order it came. A
    visit's rows keep their order: while its ring backs off, its name takes its place.

    Args:
        pending: what waits and is not in a worker's hands, oldest first.
        now_s: monotonic seconds, as in `not_before_s`.
        policy: limits.
    """
    expired = tuple(
        entry.item for entry in pending if is_expired(entry.age_s, policy.expire_s)
    )
    parcels: list[Parcel] = []
    for target in dict.fromkeys(entry.item.target for entry in pending):
        mine = [
            entry
            for entry in pending
            if entry.item.target == target
            and not is_expired(entry.age_s, policy.expire_s)
        ]
        parcels += _for_target(target, mine, now_s, policy)
    return Plan(tuple(parcels), expired)


def _for_target(
    target: str, entries: list[Pending], now_s: float, policy: RetryPolicy
) -> list[Parcel]:
    old = [
        entry
        for entry in entries
        if entry.age_s is None or entry.age_s > policy.digest_after_s
    ]
    digested = {entry.item.visit_id for entry in old}
    parcels: list[Parcel] = []
    if len(digested) > 1:
        # The rest of a digested visit goes with it: its name after its ring.
        old = [entry for entry in entries if entry.item.visit_id in digested]
        if _any_due(old, now_s):
            items = tuple(entry.item for entry in old)
            parcels.append(Parcel(target, items, digest=True))
        entries = [entry for entry in entries if entry.item.visit_id not in digested]
    return parcels + _singles(target, entries, now_s)


def _singles(target: str, entries: list[Pending], now_s: float) -> list[Parcel]:
    visits: dict[str, list[Pending]] = {}
    for entry in entries:
        visits.setdefault(entry.item.visit_id, []).append(entry)
    return [
        Parcel(target, tuple(entry.item for entry in of_visit), digest=False)
        for of_visit in visits.values()
        if _any_due(of_visit, now_s)
    ]


def _any_due(entries: Iterable[Pending], now_s: float) -> bool:
    return any(entry.not_before_s <= now_s for entry in entries)
