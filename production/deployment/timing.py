"""When the timer may update, and to what; pure but for a look at the local clock."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING

from production.deployment.slots import Phase
from production.deployment.versions import version_key

if TYPE_CHECKING:
    from config.deploy import Deploy
    from production.deployment.slots import DeployState


def is_within(window: str, at: time) -> bool:
    """Whether a local time lies in a window as `22:00-05:00`; an empty one is always.

    >>> is_within("22:00-05:00", time(23, 30)), is_within("22:00-05:00", time(5))
    (True, False)
    """
    if not window:
        return True
    begin, _, end = window.partition("-")
    first, last = time.fromisoformat(begin), time.fromisoformat(end)
    if first <= last:
        return first <= at < last
    return at >= first or at < last


def why_not_update(
    deploy: Deploy, *, synchronised: bool, at: time | None = None
) -> str:
    """Say why it is not the time for an update; empty if it is."""
    if not synchronised:
        return "the clock is not synchronised yet"
    local = at or datetime.now().astimezone().time()
    if not is_within(deploy.window, local):
        return f"updates are made {deploy.window}"
    return ""


def is_wanted(state: DeployState, latest: str) -> bool:
    """Whether the timer may deploy a release: newer, and not one that went back."""
    running = state.versions.get(state.active, "")
    failed = {one.version for one in state.history if one.phase is Phase.ROLLED_BACK}
    if latest in failed:
        return False
    return not running or version_key(latest) > version_key(running)
