"""The targets of the settings, and which pushes a visit makes for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.notify import Target
from doorbell.core.rules import may_tell_ring_first
from doorbell.core.targets import NOWHERE, can_replace
from doorbell.ports.store import OutboxItem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.notify import Notify
    from doorbell.ports.clock import Clock
    from doorbell.ports.store import VisitRecord


class Targets:
    """Who is told.

    Args:
        settings: the targets.
        urls: address of each target by name, secrets resolved.
    """

    def __init__(self, settings: Notify, urls: Mapping[str, str], clock: Clock) -> None:
        self._household = [t for t in settings.targets if t.enabled]
        self._by_name = {t.name: t for t in (*self._household, Target(name=NOWHERE))}
        self._urls = urls
        self._clock = clock

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Target:
        return self._by_name[name]

    def names(self, name: str | None) -> list[str]:
        """The targets in use: all, or the one of that name."""
        found = [target.name for target in self._household]
        return [key for key in found if name in (None, key)]

    def at_once(self, visit: VisitRecord, *, late: bool) -> list[OutboxItem]:
        """What goes out before there is a name: only where it can be replaced."""
        if late:
            return []
        return [
            self._item(visit, "ring", target)
            for target in self._household
            if self._ring_first(target)
        ]

    def for_visit(self, visit: VisitRecord, *, late: bool) -> list[OutboxItem]:
        """What goes out at the decision, or at the deadline without one."""
        items = []
        for target in self._household:
            if self._ring_first(target) and not late:
                if visit.state in ("decided", "degraded"):
                    items.append(self._item(visit, "name", target))
            elif "deadline" not in visit.steps or visit.state in ("rung", "captured"):
                items.append(self._item(visit, "visit", target, late=late))
        return items

    def after_crash(self, visit: VisitRecord) -> list[OutboxItem]:
        """What is still to be told of a visit that a crash left undecided."""
        return [
            self._item(visit, "visit", target, late=True)
            for target in self._household
            if not self._ring_first(target) and "deadline" not in visit.steps
        ]

    def _ring_first(self, target: Target) -> bool:
        url = self._urls.get(target.name, "")
        return may_tell_ring_first(target, can_replace=can_replace(url))

    def of_self_test(self, visit: VisitRecord, target: str) -> list[OutboxItem]:
        """What goes out of a ring that the doorbell gave itself."""
        known = self._by_name.get(target)
        return [self._item(visit, "visit", known)] if known else []

    def _item(
        self, visit: VisitRecord, kind: str, target: Target, *, late: bool = False
    ) -> OutboxItem:
        return OutboxItem(
            visit_id=visit.id,
            kind=kind,  # type: ignore[arg-type] # one of three literals above
            target=target.name,
            created=self._clock.now(),
            late=late,
        )
