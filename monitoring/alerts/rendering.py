"""Writes the alert rules as a file for Prometheus.

`python -m monitoring.alerts.rendering` writes it, with `--check` it only compares.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring.alerts.expressions import duration
from monitoring.alerts.rules import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitoring.alerts.rule import Group, Rule

FILE = Path("infrastructure/prometheus/doorbell.rules.yml")
RUNBOOK = (
    "https://github.com/doorbell-edge/doorbell-edge/blob/main/docs/reference/alerts.md"
)


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
    yield f'          runbook_url: "{RUNBOOK}#{rule.name.lower()}"'


def main() -> int:
    """Write the file, or say that it is not what the rules say."""
    text = rule_file(GROUPS)
    if "--check" not in sys.argv[1:]:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(text)
        return 0
    if FILE.is_file() and FILE.read_text() == text:
        return 0
    sys.stderr.write(
        f"{FILE} is old: run `python -m monitoring.alerts.rendering` and commit it\n"
    )
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
