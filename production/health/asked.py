"""Ask the operations port of the doorbell, as any program outside of it would."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.metrics_settings import address_of
from monitoring.health.verdict import Status, Verdict, healthy

if TYPE_CHECKING:
    from config.metrics_settings import Operations

# The daemon answers within 50 ms; a Pi that is busy elsewhere takes longer.
ANSWER_S = 3.0
MOST_BYTES = 1 << 20
UNAUTHORIZED = 401
LOG = "journalctl -u 'doorbell@*' -n 50"


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of it.

    Attributes:
        verdict: on the daemon as a whole.
        report: what it says of itself; empty where it did not answer.
    """

    verdict: Verdict
    report: dict[str, Any] = field(default_factory=dict)


def ask(operations: Operations) -> Asked:
    """Ask for the whole report; whatever goes wrong is part of the answer."""
    address = address_of(operations.listen)
    if address is None or address[1] == 0:
        return _unasked(
            f"[operations] listen is {operations.listen}: it cannot be asked",
            "Give it an address, or nothing can be said from outside.",
        )
    began_s = time.monotonic()
    try:
        code, body = _get(address, _token(operations.token_file))
    except (OSError, ValueError, http.client.HTTPException) as error:
        where = f"{address[0]}:{address[1]}"
        return _unasked(
            f"nothing answers at {where}: {error or type(error).__name__}",
            "The doorbell does not run, or hangs.",
        )
    return judged(code, body, (time.monotonic() - began_s) * 1000)


def judged(code: int, body: bytes, took_ms: float) -> Asked:
    """Read an answer of `/health`; anything else than a report is unhealthy."""
    if code == UNAUTHORIZED:
        return _unasked(
            "the token was refused", "Look at [operations] token_file on both sides."
        )
    try:
        report = json.loads(body)
        status = Status(report["status"])
        failing = [str(name) for name in report.get("failing", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        return _unasked(
            f"something else answers, with {code}",
            "Another program has the port: see [operations] listen.",
        )
    if status is Status.HEALTHY:
        return Asked(healthy("ready", took_ms), report)
    what = f"not ready: {', '.join(failing)}" if failing else "ready, but not all well"
    hint = "Its own checks say what is wrong."
    verdict = Verdict(status, what, hint, "doorbell health", took_ms)
    return Asked(verdict, report)


def _unasked(detail: str, hint: str) -> Asked:
    return Asked(Verdict(Status.UNHEALTHY, detail, hint, LOG))


def _token(file: str) -> str:
    return Path(file).read_text("utf-8").strip() if file else ""


def _get(address: tuple[str, int], token: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*address, timeout=ANSWER_S)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request("GET", "/health", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(MOST_BYTES)
    finally:
        connection.close()
