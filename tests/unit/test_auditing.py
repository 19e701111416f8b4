"""What the hub puts into the audit log of what it sees, and what it leaves out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from config.audit import Audit
from config.notify import Notify, Target
from config.production.production_settings import ProductionSettings
from config.sections import Storage
from doorbell.core.decision import Box, Decision, FaceVerdict
from doorbell.core.ring import Ring
from doorbell.core.stamp import NS_PER_S, Stamp
from doorbell.runtime import auditing
from doorbell.runtime.auditing import Auditing
from monitoring.logging.audit_channel import State

if TYPE_CHECKING:
    from pathlib import Path

    from doorbell.core.ring import RingSource
    from doorbell.ports.clock import Clock
    from doorbell.runtime.household import Household
    from doorbell.runtime.open_visit import Happening, OpenVisit
    from monitoring.logging.audit_logger import AuditLogger

STAMP = Stamp("ab" * 16, 5, 1_790_000_000 * NS_PER_S, synced=True)


@dataclass
class Notes:
    """A logger that keeps what it is given."""

    posted: list[tuple[str, str, str, dict[str, object]]] = field(default_factory=list)
    trouble: str = ""
    state: None = None

    def post(self, act: str, **facts: object) -> None:
        ctx = cast("dict[str, object]", facts.get("ctx") or {})
        out = str(facts.get("out", "done"))
        self.posted.append((act, str(facts.get("obj", "")), out, ctx))


@dataclass
class MovedClock:
    at: Stamp = STAMP

    def now(self) -> Stamp:
        return self.at


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def audit(tmp_path: Path, notes: Notes, clock: MovedClock) -> Auditing:
    targets = [Target(name=name, url="json://x/") for name in ("phone", "Annas tablet")]
    settings = ProductionSettings(
        storage=Storage(dir=str(tmp_path)),
        notify=Notify(targets=targets),
        audit=Audit(),
    )
    household = SimpleNamespace(references={"p1": "f00d"})
    one = Auditing(settings, cast("Household", household), cast("Clock", clock))
    one._logger = cast("AuditLogger", notes)
    return one


def visit(source: RingSource, *faces: FaceVerdict, visit_id: str = "v1") -> OpenVisit:
    made = SimpleNamespace(
        ring=Ring(1, visit_id, source, STAMP),
        newest=Ring(1, visit_id, source, STAMP),
        undurable=False,
        seen=SimpleNamespace(decision=Decision.KNOWN),
        faces=list(faces),
        course=SimpleNamespace(reason=""),
    )
    return cast("OpenVisit", made)


def face(person_id: str | None) -> FaceVerdict:
    known = Decision.KNOWN if person_id else Decision.UNKNOWN
    return FaceVerdict(known, person_id, 0.93, 0.5, Box(0, 0, 9, 9))


def test_a_real_visit_is_recorded(audit: Auditing, notes: Notes) -> None:
    one = visit("button", face("p1"), face(None))
    for what in ("ring", "captured", "decided", "told"):
        audit.happened(cast("Happening", what), one)
    audit.told("v1", "Annas tablet", "sent", "")
    assert [(act, obj, out) for act, obj, out, _ in notes.posted] == [
        ("ring.taken", "visit:v1", "ring"),
        ("visit.decided", "visit:v1", "known"),
        ("push.answered", "visit:v1", "sent"),
    ]
    assert notes.posted[1][3]["faces"] == [
        {"decision": "known", "person": "person:f00d"},
        {"decision": "unknown", "person": ""},
    ]
    # By its place: what a target is called may be somebody's name.
    assert notes.posted[2][3] == {"target": 2}


def test_a_ring_that_joins_is_recorded_by_its_own_source(
    audit: Auditing, notes: Notes
) -> None:
    one = visit("gpio")
    one.newest = Ring(2, "v2", "http", STAMP)
    audit.happened("joined", one)
    ((act, obj, out, ctx),) = notes.posted
    assert (act, obj, out) == ("ring.taken", "visit:v1", "joined")
    assert ctx["source"] == "http"


def test_a_self_test_leaves_nothing(audit: Auditing, notes: Notes) -> None:
    one = visit("synthetic")
    audit.happened("ring", one)
    audit.happened("decided", one)
    audit.told("v1", "phone", "sent", "")
    assert notes.posted == []


def test_an_attempt_that_is_repeated_is_not_recorded(
    audit: Auditing, notes: Notes
) -> None:
    audit.told("v1", "phone", "retry", "no network")
    audit.told("v1", "phone", "dead", "")
    assert [out for _, _, out, _ in notes.posted] == ["dead"]


def test_somebody_erased_is_nobody_in_particular(audit: Auditing) -> None:
    assert audit.person("gone") == "person:unknown"
    assert audit.person(None) == "person:unknown"


def looked_twice(audit: Auditing, clock: MovedClock, step_s: int) -> None:
    """Look at the clock, move it, and look again."""

    async def look() -> None:
        task = asyncio.get_running_loop().create_task(audit._look())
        await asyncio.sleep(0.01)
        clock.at = replace(STAMP, wall_ns=STAMP.wall_ns + step_s * NS_PER_S)
        await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(look())


@pytest.mark.parametrize(("step_s", "count"), [(0, 0), (1, 0), (3600, 1), (-3600, 1)])
def test_a_jump_of_the_clock_is_recorded(
    audit: Auditing, notes: Notes, clock: MovedClock, step_s: int, count: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditing, "LOOK_S", 0.0)
        looked_twice(audit, clock, step_s)
    assert [act for act, *_ in notes.posted] == ["clock.jumped"] * count


def test_size_and_root_are_shown_where_others_keep_them(
    audit: Auditing, monkeypatch: pytest.MonkeyPatch
) -> None:
    gauges: dict[str, float] = {}
    monkeypatch.setattr(auditing, "record_gauge", gauges.__setitem__)
    root = bytes(range(32))
    state = State(size=7, root=root.hex(), covered=7, host="worker")
    audit._logger = cast("AuditLogger", SimpleNamespace(state=state, trouble=""))
    audit._show()
    assert gauges == {
        "doorbell_audit_tree_size": 7,
        "doorbell_audit_root_high": int.from_bytes(root[:6]),
        "doorbell_audit_root_low": int.from_bytes(root[6:12]),
    }
    # A float holds them exactly: that is why there are two.
    assert all(float(value) == value for value in gauges.values())


@pytest.mark.parametrize(
    ("fault", "count"), [("", 0), ("torn", 0), ("changed", 1), ("cut", 1)]
)
def test_a_log_that_is_not_as_it_was_left_is_a_security_event(
    audit: Auditing, monkeypatch: pytest.MonkeyPatch, fault: str, count: int
) -> None:
    events: list[str] = []

    def note(event: str, *_: object) -> None:
        events.append(event)

    monkeypatch.setattr(auditing, "log_security_event", note)
    monkeypatch.setattr(auditing, "record_gauge", lambda *_: None)
    for size in (7, 8):
        state = State(size=size, root="ab" * 32, covered=7, host="unit", fault=fault)
        audit._logger = cast("AuditLogger", SimpleNamespace(state=state, trouble=""))
        audit._show()
    assert events == ["audit_tampered"] * count
