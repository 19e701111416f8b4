"""What the operations port answers about health."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from doorbell.runtime.http_wire import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from doorbell.runtime.health_desk import HealthDesk

    Handler = Callable[[HttpRequest], HttpResponse]

ALIASES = {
    "/ready": "/health/ready",
    "/api/ready": "/health/ready",
    "/api/health": "/health",
}


def health_routes(desk: HealthDesk) -> dict[str, Handler]:
    """Return the handler of each path; 503 where the doorbell is not ready."""
    routes: dict[str, Handler] = {
        "/health/live": lambda _: live(),
        "/health/ready": lambda _: ready(desk),
        "/health": lambda _: whole(desk),
    }
    return routes | {alias: routes[path] for alias, path in ALIASES.items()}


def live() -> HttpResponse:
    """Say that the supervisor's loop turns: that this is answered shows it."""
    return _json({"status": "alive"}, HTTPStatus.OK)


def ready(desk: HealthDesk) -> HttpResponse:
    """Say whether a visitor would be heard, seen, named and told of."""
    report = desk.report()
    failing = {
        name: {"detail": check.detail, "hint": check.hint, "repair": check.repair}
        for name, check in report.checks.items()
        if name in report.failing
    }
    answer = {"ready": report.ready, "status": report.status, "failing": failing}
    return _json(answer, _status(is_ready=report.ready))


def whole(desk: HealthDesk) -> HttpResponse:
    """Say everything."""
    report = desk.report()
    return _json(report, _status(is_ready=report.ready))


def _status(*, is_ready: bool) -> HTTPStatus:
    return HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE


def _json(content: object, status: HTTPStatus) -> HttpResponse:
    body = msgspec.json.encode(content) + b"\n"
    return HttpResponse(body, "application/json", status)
