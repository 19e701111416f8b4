"""Every error as `application/problem+json` (RFC 9457), with an id to find it by."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from monitoring.logging.error_ids import new_error_id

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE = "application/problem+json"
# What a failed request of the hub is over HTTP, by the exit code of a command.
_BY_EXIT_CODE = {
    2: (HTTPStatus.BAD_REQUEST, "bad_request"),
    65: (HTTPStatus.BAD_REQUEST, "bad_input"),
    69: (HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
    75: (HTTPStatus.SERVICE_UNAVAILABLE, "hardware_absent"),
}


class ProblemError(Exception):
    """A request that is not answered as asked.

    Attributes:
        status: of HTTP.
        code: for programs; stays the same over releases.
        message: for people.
        details: facts, for programs.
        headers: more that the answer carries.
        error_id: names this one error in the log.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        details: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.headers = dict(headers or {})
        self.error_id = new_error_id()

    def body(self) -> bytes:
        """What is sent."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return msgspec.json.encode(
            {
                "type": "about:blank",
                "title": self.status.phrase,
                "status": self.status.value,
                "error_id": self.error_id,
                "error_code": self.code,
                "message": self.message,
                "timestamp": now.replace("+00:00", "Z"),
                "details": self.details,
            }
        )


def refused_by_hub(
    message: str, hint: str, exit_code: int, error_id: str = ""
) -> ProblemError:
    """What the hub's refusal is over HTTP, under the hub's id; a bug of ours is 500."""
    unknown = (HTTPStatus.INTERNAL_SERVER_ERROR, "internal")
    status, code = _BY_EXIT_CODE.get(exit_code, unknown)
    details = {"hint": hint} if hint else None
    problem = ProblemError(status, code, message, details=details)
    problem.error_id = error_id or problem.error_id
    return problem
