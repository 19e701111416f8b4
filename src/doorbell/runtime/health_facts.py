"""What the hub knows that health is judged by; from memory, without any wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.core.stamp import NS_PER_S
from monitoring.health import facts as f

if TYPE_CHECKING:
    from doorbell.runtime.hub import Hub


def _life(hub: Hub, role: str) -> tuple[bool, str, str]:
    """Whether a role's worker takes work, where it stands, and what it said last."""
    worker = hub.supervisor.workers.get(role)
    if worker is None:
        return False, "not part of this doorbell", ""
    return worker.is_up, str(worker.life.state), worker.detail


def camera(hub: Hub) -> f.CameraFacts:
    """The camera."""
    newest_ns = hub.desk.newest_ns
    now_ns = hub.clock.mono_ns()
    said = hub.desk.camera
    return f.CameraFacts(
        is_wanted=hub.settings.camera.source != "none",
        condition=said.condition,
        frame_age_s=None if newest_ns is None else (now_ns - newest_ns) / NS_PER_S,
        stale_s=hub.settings.camera.stale_s,
        detail=said.detail,
        hint=said.hint,
    )


def engine(hub: Hub) -> f.EngineFacts:
    """Recognition."""
    is_up, worker, detail = _life(hub, "vision")
    said = hub.household.engine
    return f.EngineFacts(
        is_wanted=hub.settings.features.recognition,
        is_up=is_up,
        worker=worker,
        name=said.engine if said else "",
        note=said.note if said else "",
        detail=detail,
    )


def journal(hub: Hub) -> f.JournalFacts:
    """The button's process and its journal."""
    is_up, worker, detail = _life(hub, "button")
    said = hub.routing.button
    if said is None or not is_up:
        return f.JournalFacts(is_up, worker, detail=detail)
    return f.JournalFacts(
        is_up, worker, said.journal, said.line, said.detail, said.hint
    )


def outbox(hub: Hub, refusing: tuple[str, ...], *, has_network: bool) -> f.OutboxFacts:
    """What waits to be told."""
    is_up, worker, _ = _life(hub, "notify")
    waiting = hub.dispatcher.backlog()
    return f.OutboxFacts(
        is_up=is_up,
        worker=worker,
        targets=len(hub.dispatcher.targets.names(None)),
        waiting=waiting.waiting,
        oldest_s=waiting.oldest_s,
        overdue_s=waiting.overdue_s,
        refusing=refusing,
        has_network=has_network,
    )


def workers(hub: Hub) -> list[f.WorkerFacts]:
    """Every worker's life."""
    return [
        f.WorkerFacts(
            worker.role, str(worker.life.state), worker.life.deaths, worker.detail
        )
        for worker in hub.supervisor.workers.values()
    ]
