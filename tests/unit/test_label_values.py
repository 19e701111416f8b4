"""The closed sets of labels are those that the code can fill, no fewer and no more."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring.metrics import label_values

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
# What runs in the daemon. The witness is a program of another machine, without metrics.
OF_THE_DAEMON = [
    path
    for folder in ("config", "monitoring", "src/doorbell")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not {"cli", "evaluation", "testing"} & set(path.relative_to(ROOT).parts)
    and path.name not in {"label_values.py", "audit_witness_server.py"}
]
LEVELS = {"error", "critical", "exception"}
# Logged under a level, or a name, that is worked out where it happens.
WORKED_OUT = {
    "button_state",
    "security_event",
    "witness_refused",
    "witness_unreachable",
}


@functools.cache
def nodes() -> tuple[ast.AST, ...]:
    trees = [ast.parse(path.read_text()) for path in OF_THE_DAEMON]
    return tuple(node for tree in trees for node in ast.walk(tree))


def calls() -> Iterator[ast.Call]:
    return (node for node in nodes() if isinstance(node, ast.Call))


def first_word(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    is_word = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return first.value if is_word else None


def errors_logged() -> set[str]:
    """Events that are logged as errors."""
    found = {
        word
        for call in calls()
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in LEVELS
        and (word := first_word(call)) is not None
    }
    return found | WORKED_OUT


def security_events() -> set[str]:
    """Kinds that are named where an event is recorded."""
    return {
        word
        for call in calls()
        if ast.unparse(call.func).endswith("log_security_event")
        and (word := first_word(call)) is not None
    }


def test_every_error_that_is_logged_has_a_word_of_its_own() -> None:
    assert errors_logged() == set(label_values.ERRORS) - {label_values.OTHER}


def test_every_kind_of_security_event_can_happen() -> None:
    listed = set(label_values.security_event.values or ())
    words = {node.value for node in nodes() if isinstance(node, ast.Constant)}
    assert security_events() <= listed
    assert listed <= words
