"""Evaluates the alert rules on the device itself, for a house without Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.alerts.history import History
from monitoring.alerts.rule import AlertLife

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitoring.alerts.history import Labels, Reading
    from monitoring.alerts.rule import Change, Group, Rule


@dataclass(frozen=True)
class AlertChange:
    """An alert began or ended."""

    rule: Rule
    labels: Labels
    change: Change

    def sentence(self) -> str:
        """Return what a phone shows."""
        where = ", ".join(f"{key} {value}" for key, value in sorted(self.labels))
        about = f" ({where})" if where else ""
        if self.change == "resolved":
            return f"Over: {self.rule.summary}{about}"
        return f"{self.rule.summary}{about}. {self.rule.repair}"


class AlertEvaluator:
    """The rules of one group that can be evaluated here, over a bounded past.

    Args:
        group: its rules without an expression of ours are left to Prometheus.
    """

    def __init__(self, group: Group) -> None:
        self.every_s = group.every_s
        here = [rule for rule in group.rules if rule.when is not None]
        self._lives = [AlertLife(rule) for rule in here]
        read = [pair for rule in self.rules for pair in _series(rule)]
        names = {name for name, _ in read}
        self._history = History(names, max((s for _, s in read), default=0.0))

    @property
    def rules(self) -> list[Rule]:
        """The rules evaluated here."""
        return [life.rule for life in self._lives]

    def step(self, at_s: float, readings: Iterable[Reading]) -> list[AlertChange]:
        """Take what the metrics say now; return the alerts that began or ended.

        Args:
            at_s: seconds since 1970, later than the last time.
            readings: of counters and gauges; names no rule reads are dropped.
        """
        self._history.add(at_s, readings)
        changes: list[AlertChange] = []
        for life in self._lives:
            when = life.rule.when
            found = {} if when is None else when.value(self._history, at_s)
            for labels, change in life.step(found, at_s):
                changes.append(AlertChange(life.rule, labels, change))
        return changes

    def firing(self) -> Sequence[tuple[Rule, Labels]]:
        """Return the alerts that hold now."""
        return [(life.rule, one) for life in self._lives for one in life.firing()]


def _series(rule: Rule) -> list[tuple[str, float]]:
    return [] if rule.when is None else list(rule.when.series())
