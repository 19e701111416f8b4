"""Ask a running doorstep over HTTP, as a program of this machine would."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from doorbell.runtime import requests as r

if TYPE_CHECKING:
    from doorstep import Doorstep


@dataclass(frozen=True)
class Answered:
    """What came back, and how long it took."""

    code: int
    content: dict[str, Any]
    took_s: float


def where(doorstep: Doorstep) -> str:
    """Address of its operations port."""
    return str(next(doorstep.ask(r.ShowMetrics())).address)


def ask(address: str, path: str) -> Answered:
    """GET a path that answers with JSON."""
    began_s = time.monotonic()
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=5.0) as answer:
            code, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        code, body = error.code, error.read()
        error.close()
    return Answered(code, json.loads(body), time.monotonic() - began_s)


def check(address: str, name: str) -> dict[str, Any]:
    """One check of the whole report."""
    found: dict[str, Any] = ask(address, "/health").content["checks"][name]
    return found
