"""What the hub sees, recorded as metrics: steps of visits, answers, frames, queues.

An onlooker: it hears what happens and has no say in it. Synthetic rings are left out
here; they have metrics of their own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from doorbell.core.accuracy import confidence, time_of_day
from doorbell.core.decision import Decision
from doorbell.core.localtime import local_at
from doorbell.core.reasons import Reason
from doorbell.core.stamp import NS_PER_S
from doorbell.runtime import wiring
from doorbell.runtime.audience import Onlooker
from doorbell.runtime.vision_team import kind_of
from doorbell.stages import messages as m
from doorbell.stages.vision_messages import Seen
from doorbell.stages.watching import Observe
from monitoring.metrics.label_values import OTHER
from monitoring.metrics.recording import (
    record,
    record_counter,
    record_gauge,
    record_histogram,
    record_stage,
)

if TYPE_CHECKING:
    from doorbell.runtime.hub import Hub
    from doorbell.runtime.open_visit import Happening, OpenVisit
    from monitoring.metrics.metrics_collector import MetricsCollector

# Visits whose first push is still awaited; a network may be down for a day.
MAX_AWAITED = 256
REASONS = {str(reason): reason.name.lower() for reason in Reason}
MS_PER_S = 1000.0


class MetricsFeed(Onlooker):
    """Feeds the metrics of one hub.

    Args:
        hub: what happens there is recorded.
        collector: learns of gauges that are read only when somebody asks.
    """

    def __init__(self, hub: Hub, collector: MetricsCollector) -> None:
        self._hub = hub
        self._collector = collector
        self._began_s = time.monotonic()
        self._frame_ns = hub.clock.mono_ns()
        self._pictured = ""
        self._awaited: dict[str, int] = {}
        self._settings = hub.settings

    # What happens.

    def happened(self, what: Happening, visit: OpenVisit) -> None:
        """Count the step, and time it from the edge."""
        if visit.ring is None or visit.ring.source == "synthetic":
            return
        match what:
            case "ring":
                _event("ring", "success" if visit.ring.durable else "undurable")
                self._trigger(visit)
                self._await_push(visit)
                # The first picture may come before the press counts.
                if "captured" in visit.steps:
                    self._captured(visit)
            case "joined":
                _event("joined", "success")
                self._trigger(visit)
            case "captured":
                self._captured(visit)
            case "told":
                _event("told", "success")
            case "decided" | "degraded":
                self._ended(what, visit)

    def _trigger(self, visit: OpenVisit) -> None:
        ring = visit.newest or visit.ring
        if ring is None:
            return
        local = local_at(
            self._hub.clock.now().wall_s(), wiring.zone(self._hub.settings)
        )
        labels = {
            "trigger_source": ring.source,
            "time_of_day": time_of_day(local.hour if local else None),
        }
        record_counter("doorbell_triggers_total", 1.0, labels)

    def _await_push(self, visit: OpenVisit) -> None:
        edge_ns = visit.steps.get("edge")
        if visit.ring is None or edge_ns is None:
            return
        self._awaited[visit.ring.id] = edge_ns
        while len(self._awaited) > MAX_AWAITED:
            self._awaited.pop(next(iter(self._awaited)))

    def _captured(self, visit: OpenVisit) -> None:
        # A better picture of the same visit is no second event.
        if visit.token == self._pictured:
            return
        self._pictured = visit.token
        _event("captured", "success")
        if (took_s := _since_edge(visit, "captured")) is not None:
            record_stage("capture", "capture", took_s)

    def _ended(self, what: Happening, visit: OpenVisit) -> None:
        is_decided = what == "decided" and visit.seen is not None
        _event("decided", "success" if is_decided else "degraded")
        decision = str(visit.seen.decision) if is_decided and visit.seen else "degraded"
        record_counter("doorbell_visits_total", 1.0, {"decision": decision})
        labels = {"result_type": decision, "confidence_bucket": self._nearest(visit)}
        record_counter("face_recognition_requests_total", 1.0, labels)
        if not is_decided:
            reason = REASONS.get(visit.course.reason, OTHER)
            record_counter("doorbell_visits_degraded_total", 1.0, {"reason": reason})
        elif (took_s := _since_edge(visit, "decided")) is not None:
            example = _example(visit.ring.id if visit.ring else "")
            record_histogram("doorbell_ring_decision_seconds", took_s, exemplar=example)

    def _nearest(self, visit: OpenVisit) -> str:
        engine = self._hub.household.engine
        known = [f.likeness for f in visit.faces if f.likeness is not None]
        if engine is None or visit.seen is None or not known:
            return "none"
        if visit.seen.decision is Decision.NOBODY:
            return "none"
        return confidence(max(known), engine.unsure_at, engine.known_at)

    def worker_down(self, role: str) -> None:
        """Nobody is logged in where nothing answers."""
        if role == "web":
            record_gauge("user_sessions_active", 0)

    def told(self, visit_id: str, target: str, status: str, detail: str) -> None:
        """Time the first answer of a target that took the push."""
        del target, detail
        edge_ns = self._awaited.pop(visit_id, None) if status == "sent" else None
        if edge_ns is not None:
            took_s = (self._hub.clock.mono_ns() - edge_ns) / NS_PER_S
            example = _example(visit_id)
            record_histogram("doorbell_ring_push_seconds", took_s, exemplar=example)

    def worker_said(self, role: str, message: object) -> None:
        """Count frames and presses, and take what the workers observed."""
        match message:
            case m.FrameTaken(frame=frame):
                self._frame_ns = max(self._frame_ns, frame.mono_ns)
                record_counter("doorbell_frames_total")
            case Observe(observations=observations):
                self.learn_targets()
                for one in observations:
                    record(one)
            case Seen():
                _looked(role, message)
            case m.PressVoid():
                _event("press", "void")
            case m.Rung(press=press) if press:
                _event("press", "success")
            case m.ButtonStuck(stuck=stuck):
                record_gauge("doorbell_button_stuck", stuck)
            case m.Sessions(active=active):
                record_gauge("user_sessions_active", active)
            case _:
                pass

    def learn_targets(self) -> None:
        """Take over the names of targets that a reload of the settings brought."""
        if self._hub.settings is not self._settings:
            self._settings = self._hub.settings
            names = [target.name for target in self._settings.notify.targets]
            self._collector.admit("channel", names)

    # What is read when somebody asks.

    def refresh(self) -> None:
        """Read how the hub is now; called before each reading of the metrics."""
        hub = self._hub
        now = hub.clock.now()
        record_gauge("doorbell_uptime_seconds", time.monotonic() - self._began_s)
        record_gauge("doorbell_clock_synchronised", now.synced)
        record_gauge("doorbell_storage_working", not hub.ledger.trouble)
        record_gauge("known_faces_database_size", len(hub.household.names))
        record_gauge("doorbell_gallery_photos", hub.household.compared)
        if hub.settings.synthetic.every_s > 0:
            age_s = hub.synthetic.age_s
            record_gauge("doorbell_synthetic_success_age_seconds", age_s)
        self._refresh_camera(now.mono_ns)
        self._refresh_queues()
        for role, worker in hub.supervisor.workers.items():
            labels = {"worker_id": role, "worker_type": kind_of(role)}
            record_gauge("pipeline_worker_health", worker.is_up, labels)
            deaths = worker.life.deaths
            ends = {"worker_id": role}
            self._collector.follow("doorbell_worker_restarts_total", deaths, ends)

    def _refresh_camera(self, now_ns: int) -> None:
        if self._hub.desk.camera.condition == "off":
            self._collector.forget("doorbell_camera_frame_age_seconds")
            return
        age_s = max(now_ns - self._frame_ns, 0) / NS_PER_S
        record_gauge("doorbell_camera_frame_age_seconds", age_s)

    def _refresh_queues(self) -> None:
        hub = self._hub
        outbox = hub.dispatcher.backlog()
        record_gauge("doorbell_outbox_oldest_seconds", outbox.oldest_s)
        _queue("outbox", "notify", outbox.waiting)
        _queue("ring_journal", "hub", hub.doorkeeper.rings.unstored)
        for role, worker in hub.supervisor.workers.items():
            _queue("inbox", role, worker.peer.backlog if worker.peer else 0)


def _looked(role: str, message: Seen) -> None:
    for step in ("detect", "embed"):
        if step in message.took_ms:
            record_stage(step, role, message.took_ms[step] / MS_PER_S)


def _event(event_type: str, status: str) -> None:
    labels = {"event_type": event_type, "status": status}
    record_counter("pipeline_events_total", 1.0, labels)


def _queue(name: str, worker_type: str, size: int) -> None:
    labels = {"queue_name": name, "worker_type": worker_type}
    record_gauge("pipeline_queue_size", size, labels)


def _since_edge(visit: OpenVisit, step: str) -> float | None:
    """Seconds from the edge to a step; None for a ring that a crash left behind."""
    edge_ns, at_ns = visit.steps.get("edge"), visit.steps.get(step)
    if edge_ns is None or at_ns is None or visit.late:
        return None
    return (at_ns - edge_ns) / NS_PER_S


def _example(visit_id: str) -> dict[str, str]:
    return {"visit_id": visit_id}
