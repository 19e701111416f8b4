"""One line for each request that came over HTTP."""

from __future__ import annotations

import logging

log = logging.getLogger("doorbell.http")

# As long as an address of ours can be; what is longer is a probe.
MOST_PATH_CHARS = 200


def log_http_request(  # noqa: PLR0913 - each is a fact of the line
    *,
    request_id: str,
    method: str,
    path: str,
    status: int,
    duration_ms: float,
    user_id: str = "",
    error_id: str = "",
) -> None:
    """Log an answered request: at `info` what changes or fails, else at `debug`.

    Args:
        request_id: the correlation id, which the answer carries as `X-Request-ID`.
        method: as sent.
        path: as sent; its query, which may hold a token, is left out.
        status: of the answer.
        duration_ms: from the request's head to the answer.
        user_id: who asked, where that is known; never a name.
        error_id: the one that the answer shows.
    """
    is_quiet = method in {"GET", "HEAD"} and status < 400  # noqa: PLR2004 - where HTTP's errors begin
    facts: dict[str, object] = {
        "request_id": request_id,
        "method": method,
        "path": path.partition("?")[0][:MOST_PATH_CHARS],
        "status": status,
        "duration_ms": round(duration_ms, 1),
        "user_id": user_id,
    }
    if error_id:
        facts["error_id"] = error_id
    log.log(logging.DEBUG if is_quiet else logging.INFO, "http_request", extra=facts)
