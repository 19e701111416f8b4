"""Commands of the program, and a hub that answers them from a script."""

from __future__ import annotations

from typing import Any

from doorbell.cli.main import main
from doorbell.core.decision import Box, Decision, FaceVerdict
from doorbell.core.ring import Ring
from doorbell.core.stamp import Stamp
from doorbell.runtime import replies
from doorbell.testing.connection import ScriptedConnection

NOON_S = 1_780_000_000.0  # 2026-05-28 20:26:40 UTC
ZONE = {"DOORBELL_NOTIFY__TIMEZONE": "Europe/Amsterdam"}


def ran(
    *argv: str, environ: dict[str, str] | None = None, **script: list[Any]
) -> tuple[int, ScriptedConnection]:
    hub = ScriptedConnection(script)
    code = main(argv, connect=hub, environ={**ZONE, **(environ or {})})
    assert not hub.is_open
    return code, hub


def ring(*, durable: bool = True) -> Ring:
    stamp = Stamp(boot_id="b" * 32, mono_ns=1, wall_ns=1, synced=True)
    return Ring(1 if durable else 0, "a" * 32, "command", stamp, durable)


def face(
    decision: Decision = Decision.KNOWN,
    name: str | None = "Ada",
    label: str | None = None,
) -> replies.VisitFace:
    verdict = FaceVerdict(decision, "p1", 0.62, 0.1, Box(1, 2, 3, 4))
    return replies.VisitFace(verdict, name, label)


def visit(**more: object) -> replies.Visit:
    facts: dict[str, Any] = {
        "id": "v1",
        "ring": ring(),
        "at_s": NOON_S,
        "rings": 1,
        "state": "told",
        "decision": "known",
        "faces": [face()],
        "timings_ms": {"decided": 812.4, "rung": 3.0},
        "told": {"phone": "sent"},
    }
    return replies.Visit(view=replies.VisitView(**{**facts, **more}))


def person(name: str = "Ada", **more: object) -> replies.PersonView:
    facts: dict[str, Any] = {
        "id": "p1",
        "name": name,
        "consent": "Ada",
        "enrolled_s": NOON_S,
        "photos": 3,
    }
    return replies.PersonView(**{**facts, **more})


def accepted(**more: bool) -> replies.Accepted:
    return replies.Accepted(ring=ring(**more), visit="v1")
