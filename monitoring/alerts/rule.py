"""What an alert rule is, and the life of its alerts, as Prometheus leads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from monitoring.alerts.expressions import Expression, Vector
    from monitoring.alerts.history import Labels

Severity = Literal["warning", "critical"]
Change = Literal["firing", "resolved"]


@dataclass(frozen=True)
class Rule:
    """One alert.

    Attributes:
        when: it holds as long as this has a value.
        for_s: it must hold this long before anybody is told.
        keep_s: once told, it must be away this long before it counts as over, so that
            a value on the line does not ring again and again (hysteresis).
        summary: one sentence for a phone.
        repair: what to do, one or two sentences.
        promql: for a rule that only Prometheus can evaluate, since it is about the
            doorbell's own absence; `when` is then None.
    """

    name: str
    severity: Severity
    when: Expression | None
    for_s: float
    summary: str
    repair: str
    keep_s: float = 0.0
    promql: str = ""

    def expression(self) -> str:
        """Return the condition in PromQL."""
        return self.promql if self.when is None else self.when.promql()


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated together, every so many seconds."""

    name: str
    every_s: float
    rules: tuple[Rule, ...]


@dataclass(slots=True)
class _Alert:
    active_since_s: float
    fires: bool = False
    away_since_s: float | None = None


@dataclass(slots=True)
class AlertLife:
    """The alerts of one rule: pending, firing, over (rules/alerting.go)."""

    rule: Rule
    _alerts: dict[Labels, _Alert] = field(default_factory=dict)

    def step(self, found: Vector, at_s: float) -> list[tuple[Labels, Change]]:
        """Take the rule's value at a time; return the alerts that began or ended."""
        for labels in found:
            self._alerts.setdefault(labels, _Alert(at_s))
        changes: list[tuple[Labels, Change]] = []
        for labels, alert in list(self._alerts.items()):
            if labels not in found and not self._is_kept(alert, at_s):
                del self._alerts[labels]
                if alert.fires:
                    changes.append((labels, "resolved"))
                continue
            if labels in found:
                alert.away_since_s = None
            if not alert.fires and at_s - alert.active_since_s >= self.rule.for_s:
                alert.fires = True
                changes.append((labels, "firing"))
        return changes

    def _is_kept(self, alert: _Alert, at_s: float) -> bool:
        if not alert.fires or self.rule.keep_s <= 0:
            return False
        if alert.away_since_s is None:
            alert.away_since_s = at_s
        return at_s - alert.away_since_s < self.rule.keep_s

    def firing(self) -> list[Labels]:
        """Return the labels of the alerts that people were told of and still hold."""
        return [labels for labels, alert in self._alerts.items() if alert.fires]
