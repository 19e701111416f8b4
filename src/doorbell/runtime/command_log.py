"""One line for each command that was asked of the hub, without what it was about."""

from __future__ import annotations

import logging
from time import monotonic_ns
from typing import TYPE_CHECKING

from msgspec import structs

from config.masking import MASK
from doorbell.core.errors import DoorbellError
from doorbell.runtime import requests as r
from monitoring.logging.structured_logging import correlation_id, error_id
from monitoring.tracing import spans

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("doorbell.control")

# Asked often, by programs, and they change nothing.
QUIET = (r.ShowStatus, r.ShowHealth, r.ListVisits, r.ListPeople)
NS_PER_MS = 1_000_000
# A shorter word may be a part of any other.
LEAST_WORD = 2


def answered(
    request: object, uid: int, began_ns: int, failure: Exception | None
) -> None:
    """Log that a request was answered, and trace it.

    Args:
        request: what was asked; its words, such as a name, are in no line.
        uid: who asked, by the kernel's word.
        began_ns: when, on the monotonic clock.
        failure: why it was not carried out.
    """
    kind, now_ns = type(request).__name__, monotonic_ns()
    is_quiet = isinstance(request, QUIET)
    facts: dict[str, object] = {
        "command": kind,
        "uid": uid,
        "duration_ms": round((now_ns - began_ns) / NS_PER_MS, 1),
    }
    trouble = "" if failure is None else type(failure).__name__
    spans.record(
        "command",
        began_ns,
        now_ns,
        trace="" if is_quiet else correlation_id(),
        error=trouble,
        is_root=True,
        command=kind,
    )
    if failure is None:
        level = logging.DEBUG if is_quiet else logging.INFO
        log.log(level, "command_done", extra=facts)
    elif isinstance(failure, DoorbellError):
        facts |= {"error_id": error_id(failure), "kind": trouble}
        facts["error"] = without_words(str(failure), request)
        log.info("command_failed", extra=facts)
    else:
        log.error("command_failed", exc_info=failure, extra=facts)


def without_words(text: str, request: object) -> str:
    """Take out of a message what the caller said: often a name."""
    if not isinstance(request, r.Request):
        return text
    said: Mapping[str, object] = structs.asdict(request)
    words = [one for one in said.values() if isinstance(one, str)]
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= LEAST_WORD:
            text = text.replace(word, MASK)
    return text
