"""`doorbell audit demo`: eight attacks on a log made for it, and who sees them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli import shown
from doorbell.evaluation import audit_attacks

if TYPE_CHECKING:
    from doorbell.cli.context import Context
    from doorbell.evaluation.audit_attacks import Seen
    from monitoring.logging.audit_verify import Report


def demo(context: Context) -> int:
    """Play each attack; 1 if one of them is seen by nobody."""
    with tempfile.TemporaryDirectory(prefix="doorbell-audit-") as name:
        home = Path(name)
        peace = audit_attacks.build(home / "peace")
        seen = [
            audit_attacks.play(attack, audit_attacks.copied(peace, home / str(number)))
            for number, attack in enumerate(audit_attacks.ATTACKS)
        ]
    if context.wants_json:
        context.say_json({"attacks": [_view(one) for one in seen]})
    else:
        head = ("ATTACK", "CHAIN", "+ CHECKPOINTS", "+ WITNESS")
        context.say(shown.table(head, [_row(one) for one in seen]))
    return 0 if all(one.first_layer for one in seen) else 1


def _row(seen: Seen) -> tuple[str, str, str, str]:
    reports = (seen.by_chain, seen.by_checkpoints, seen.by_witness)
    chain, checkpoints, witness = (_word(report) for report in reports)
    return seen.attack, chain, checkpoints, witness


def _word(report: Report) -> str:
    if not report.findings:
        return "-"
    first = report.findings[0]
    return f"{report.code}: {first.kind} at {first.seq}"


def _view(seen: Seen) -> dict[str, object]:
    return {
        "attack": seen.attack,
        "seen_by": seen.first_layer,
        "chain": seen.by_chain.code,
        "checkpoints": seen.by_checkpoints.code,
        "witness": seen.by_witness.code,
    }
