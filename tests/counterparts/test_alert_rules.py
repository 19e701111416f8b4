"""Each alert of the product fires when it should, and not when it should not."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from alert_trials import TRIALS, Trial
from promtool import Case, Sample, disagreement

from monitoring.alerts.evaluator import AlertEvaluator
from monitoring.alerts.history import Reading
from monitoring.alerts.rule import Group
from monitoring.alerts.rules import GROUPS, RULES
from monitoring.metrics.declarations import DECLARED

if TYPE_CHECKING:
    from pathlib import Path

    from monitoring.alerts.rule import Rule

EVERY_S = {rule.name: group.every_s for group in GROUPS for rule in group.rules}


def _series(trial: Trial) -> dict[str, list[Sample]]:
    every_s = EVERY_S[trial.rule]
    times = [n * every_s for n in range(round(trial.end_s / every_s) + 1)]
    return {
        name
        + "{"
        + ",".join(f'{key}="{value}"' for key, value in labels.items())
        + "}": [at(time_s) for time_s in times]
        for name, labels, at in trial.series
    }


def _rule(name: str) -> Rule:
    return next(rule for rule in RULES if rule.name == name)


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (prometheus)"
)
@pytest.mark.timeout(60)
def test_prometheus_brings_each_alert_and_no_other(tmp_path: Path) -> None:
    cases = []
    for trial in TRIALS:
        fires = {(trial.rule, trial.end_s): trial.brings} if trial.brings else {}
        case = Case(_series(trial), EVERY_S[trial.rule], [trial.end_s], fires)
        cases.append(([_rule(trial.rule)], case))
    assert disagreement(tmp_path, cases) == ""


@pytest.mark.parametrize("trial", TRIALS, ids=lambda t: f"{t.rule}: {t.what}")
def test_the_device_brings_it_as_well(trial: Trial) -> None:
    every_s = EVERY_S[trial.rule]
    evaluator = AlertEvaluator(Group("one", every_s, (_rule(trial.rule),)))
    for step in range(round(trial.end_s / every_s) + 1):
        at_s = step * every_s
        readings = [
            Reading(name, frozenset(labels.items()), value)
            for name, labels, at in trial.series
            if (value := at(at_s)) is not None
        ]
        evaluator.step(at_s, readings)
    assert [dict(labels) for _, labels in evaluator.firing()] == list(trial.brings)


UP = 'up{job="doorbell"}'


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (prometheus)"
)
def test_a_dead_doorbell_is_seen_by_prometheus(tmp_path: Path) -> None:
    rule, name, every_s = _rule("DoorbellGone"), "DoorbellGone", 15.0
    labels = [{"job": "doorbell"}]
    down = Case({UP: [1.0] * 5 + [0.0] * 9}, every_s, [45, 135], {(name, 135): labels})
    never = Case({"other": [1.0] * 9}, every_s, [120], {(name, 120): labels})
    assert disagreement(tmp_path, [([rule], down), ([rule], never)]) == ""


def test_every_rule_has_a_case_that_fires_and_one_that_does_not() -> None:
    local = {rule.name for rule in RULES if rule.when is not None}
    assert {trial.rule for trial in TRIALS if trial.brings} == local
    assert {trial.rule for trial in TRIALS if not trial.brings} == local


def test_rules_read_declared_metrics_and_labels_only() -> None:
    declared = {metric.name: metric for metric in DECLARED}
    read = [pair for rule in RULES if rule.when for pair in rule.when.series()]
    assert {name for name, _ in read} <= set(declared)
