"""Writes the alert rules, for Prometheus and for people.

`python -m monitoring.alerts.rendering` writes `infrastructure/prometheus` and
`docs/reference/alerts.md`, with `--check` it only compares.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from config.reference import publish
from monitoring.alerts.expressions import duration
from monitoring.alerts.rules import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitoring.alerts.rule import Group, Rule

RULES_FILE = Path("infrastructure/prometheus/doorbell.rules.yml")
REFERENCE = "docs/reference/alerts.md"
INTRODUCTION = """\
# Alerts

Written by `python -m monitoring.alerts.rendering` from `monitoring/alerts/rules.py`.
Prometheus evaluates these rules, and the doorbell does so itself, over the same metrics
and with the same arithmetic: a house without Prometheus hears of the critical ones as a
message (`[alerts] push`)."""


def rule_file(groups: Iterable[Group]) -> str:
    """Return the groups as a Prometheus rule file.

    Strings are written as JSON, which YAML reads as it is.
    """
    lines = [
        "# Written by `python -m monitoring.alerts.rendering`; change the rules there.",
        "groups:",
    ]
    for group in groups:
        lines += [
            f"  - name: {group.name}",
            f"    interval: {duration(group.every_s)}",
            "    rules:",
        ]
        for rule in group.rules:
            lines += _rule(rule)
    return "\n".join(lines) + "\n"


def _rule(rule: Rule) -> Iterator[str]:
    yield f"      - alert: {rule.name}"
    yield f"        expr: {json.dumps(rule.expression())}"
    if rule.for_s:
        yield f"        for: {duration(rule.for_s)}"
    if rule.keep_s:
        yield f"        keep_firing_for: {duration(rule.keep_s)}"
    yield "        labels:"
    yield f"          severity: {rule.severity}"
    yield "        annotations:"
    yield f"          summary: {json.dumps(rule.summary)}"
    yield f"          description: {json.dumps(rule.repair)}"
    yield f'          runbook_url: "{REFERENCE}#{rule.name.lower()}"'


def reference(groups: Iterable[Group]) -> str:
    """Return the page that says of each alert what it means and what to do."""
    lines = [INTRODUCTION]
    for group in groups:
        for rule in group.rules:
            lines += _section(rule)
    return "\n".join(lines) + "\n"


def _section(rule: Rule) -> Iterator[str]:
    yield from ("", f"## {rule.name}", "", f"{rule.summary}. {rule.repair}", "")
    yield from ("```promql", rule.expression(), "```", "")
    held = f"held for {duration(rule.for_s)}" if rule.for_s else "at once"
    kept = f"; over once away for {duration(rule.keep_s)}" if rule.keep_s else ""
    where = "" if rule.when is not None else "; by Prometheus only"
    yield f"{rule.severity.title()}, {held}{kept}{where}."


def main() -> int:
    """Write the files, or say which are not what the rules say."""
    pages = {str(RULES_FILE): rule_file(GROUPS), REFERENCE: reference(GROUPS)}
    return publish(pages, check="--check" in sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
