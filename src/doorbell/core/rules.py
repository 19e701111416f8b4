"""Whether a target is told of a visit, how loudly, and in whose words.

Pure, one call per notification and target. Doubt always falls on the loud side: an
untrusted clock keeps no quiet hours, an unknown last push no interval, and a visit of
which recognition said nothing is told to everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from doorbell.core.decision import Decision
from doorbell.core.quiet import is_quiet
from doorbell.core.visitor import Visitor, stranger_first

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import time

UNKNOWN_PERSON = "*unknown*"

TellKind = Literal["ring", "name", "visit"]


class PersonRule(Protocol):
    """What one person means to one target (`config.notify.PersonRule` fits)."""

    @property
    def person(self) -> str:
        """Name as enrolled, or `*unknown*`."""
        ...

    @property
    def notify(self) -> bool:
        """Whether the target is told."""
        ...

    @property
    def always(self) -> bool:
        """Told loudly, whatever the hour."""
        ...

    @property
    def wording(self) -> str:
        """Own sentence, or empty."""
        ...


class TargetRules(Protocol):
    """What a target wants (`config.notify.Target` fits)."""

    @property
    def quiet_hours(self) -> str:
        """`HH:MM-HH:MM` of silent delivery, or empty."""
        ...

    @property
    def min_interval_s(self) -> float:
        """Pushes sooner after the last are silent."""
        ...

    @property
    def rules(self) -> Sequence[PersonRule]:
        """Per person; the first that fits counts."""
        ...


@dataclass(frozen=True, slots=True)
class Telling:
    """The verdict for one target.

    Attributes:
        told: false: this target hears nothing of it.
        silent: deliver without sound.
        visitors: in the order of telling, each with the target's own wording.
    """

    told: bool
    silent: bool
    visitors: tuple[Visitor, ...]


def telling(
    kind: TellKind,
    visitors: Sequence[Visitor],
    target: TargetRules,
    local: time | None,
    since_last_s: float | None,
) -> Telling:
    """Apply a target's rules to one notification.

    Args:
        kind: `ring` before there is a decision, `name` its update, `visit` the only
            push of a visit, also a name whose ring never reached this target.
        visitors: empty for a ring, for nobody and for a degraded visit.
        target: its rules.
        local: time of day at the door; None when the clock cannot be trusted.
        since_last_s: since the last push of *another* visit to this target; None if
            there was none, or nobody knows.
    """
    ordered = stranger_first(visitors)
    rules = [_rule_of(visitor, target.rules) for visitor in ordered]
    worded = tuple(
        replace(visitor, wording=rule.wording) if rule else visitor
        for visitor, rule in zip(ordered, rules, strict=True)
    )
    alarm = any(rule is not None and rule.always for rule in rules)
    told = alarm or not ordered or not _all_unwanted(ordered, rules)
    hushed = _is_hushed(kind, target, local, since_last_s)
    return Telling(told=told, silent=hushed and not alarm, visitors=worded)


def _rule_of(visitor: Visitor, rules: Sequence[PersonRule]) -> PersonRule | None:
    wanted = UNKNOWN_PERSON if visitor.decision is Decision.UNKNOWN else visitor.name
    return next((rule for rule in rules if rule.person == wanted), None)


def _all_unwanted(
    visitors: Sequence[Visitor], rules: Sequence[PersonRule | None]
) -> bool:
    # "Perhaps Anna" may be a stranger: only certainty keeps a target in the dark.
    return all(
        rule is not None and not rule.notify and visitor.decision is not Decision.UNSURE
        for visitor, rule in zip(visitors, rules, strict=True)
    )


def _is_hushed(
    kind: TellKind,
    target: TargetRules,
    local: time | None,
    since_last_s: float | None,
) -> bool:
    if kind == "name":
        # The ring it updates has made its sound already.
        return True
    if local is not None and is_quiet(target.quiet_hours, local):
        return True
    return since_last_s is not None and 0 <= since_last_s < target.min_interval_s


def may_tell_ring_first(target: TargetRules, *, can_replace: bool) -> bool:
    """Whether this target may hear "someone rang" before there is a name.

    Only if the push can be replaced, and only if no rule could forbid it: a target
    that must not be told of somebody cannot be untold.
    """
    return can_replace and all(rule.notify or rule.always for rule in target.rules)
