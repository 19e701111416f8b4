"""Asks `promtool test rules` which alerts fire when, over series made for it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.alerts.expressions import duration
from monitoring.alerts.rendering import rule_file
from monitoring.alerts.rule import Group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from monitoring.alerts.rule import Rule


Sample = float | None
PROMTOOL = shutil.which("promtool")


@dataclass(frozen=True)
class Case:
    """Series with one value every `every_s`, and what must fire when.

    Attributes:
        series: values by `name{label="value"}`, None where none was read.
        fires: label sets by rule and time, seconds since the start; what is not named
            here must not fire at any of `asked_s`.
    """

    series: Mapping[str, Sequence[Sample]]
    every_s: float
    asked_s: Sequence[float]
    fires: Mapping[tuple[str, float], Sequence[Mapping[str, str]]]


def _values(samples: Sequence[Sample]) -> str:
    return " ".join("_" if one is None else repr(float(one)) for one in samples)


def _alerts(rules: Sequence[Rule], case: Case) -> list[object]:
    asked = []
    for at_s in case.asked_s:
        for rule in rules:
            expected = [
                {
                    "exp_labels": {"severity": rule.severity, **labels},
                    "exp_annotations": _annotations(rule),
                }
                for labels in case.fires.get((rule.name, at_s), [])
            ]
            asked.append(
                {
                    "eval_time": duration(at_s),
                    "alertname": rule.name,
                    "exp_alerts": expected,
                }
            )
    return asked


def _annotations(rule: Rule) -> dict[str, str]:
    text = rule_file([Group("one", 15.0, (rule,))])
    found = re.findall(
        r'^          (summary|description|runbook_url): (".*")$', text, re.MULTILINE
    )
    return {key: json.loads(value) for key, value in found}


def disagreement(folder: Path, trials: Sequence[tuple[Sequence[Rule], Case]]) -> str:
    """Return what promtool says against the cases; empty when it agrees.

    Args:
        trials: each case with the rules that are there and asked after.
    """
    names = [_write(folder, number, *trial) for number, trial in enumerate(trials)]
    done = subprocess.run(
        [PROMTOOL or "promtool", "test", "rules", *names],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _write(folder: Path, number: int, rules: Sequence[Rule], case: Case) -> str:
    (folder / f"rules-{number}.yml").write_text(
        rule_file([Group("all", case.every_s, tuple(rules))])
    )
    tests = {
        "rule_files": [f"rules-{number}.yml"],
        "evaluation_interval": duration(case.every_s),
        "tests": [
            {
                "interval": duration(case.every_s),
                "input_series": [
                    {"series": name, "values": _values(samples)}
                    for name, samples in case.series.items()
                ],
                "alert_rule_test": _alerts(rules, case),
            }
        ],
    }
    # JSON is YAML as well.
    (folder / f"tests-{number}.yml").write_text(json.dumps(tests))
    return f"tests-{number}.yml"
