"""The way into the audit log: what waits, what is refused, what is counted as lost."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from doorbell.testing.waiting import until
from monitoring.logging import audit_writer, instants
from monitoring.logging.audit_channel import State
from monitoring.logging.audit_errors import (
    AuditError,
    AuditUnreachableError,
    AuditUnwritableError,
)
from monitoring.logging.audit_logger import AuditLogger, OwnRoute, WriterRoute
from monitoring.logging.audit_place import AuditPlace
from monitoring.logging.audit_verify import verify
from monitoring.logging.audit_writer import AuditWriter, serve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from monitoring.logging.chain import Entry


@dataclass
class FakeRoute:
    """A log in memory that fails as the script says: `ok`, `gone`, `full`."""

    script: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def append(self, entries: Sequence[Entry]) -> int:
        self.gate.wait(5.0)
        match self.script.pop(0) if self.script else "ok":
            case "gone":
                msg = "gone"
                raise AuditUnreachableError(msg)
            case "full":
                msg = "full"
                raise AuditUnwritableError(msg)
            case _:
                self.entries += entries
                return len(self.entries) - len(entries)

    def state(self) -> State:
        return State(len(self.entries), "ab", 0)

    def close(self) -> None:
        return

    def acts(self) -> list[str]:
        return [entry.act for entry in self.entries]


def logger(
    route: FakeRoute, *, queue: int = 16, patience_s: float = 2.0
) -> AuditLogger:
    return AuditLogger(route, patience_s=patience_s, queue=queue)


def test_a_record_is_returned_with_its_number() -> None:
    route = FakeRoute()
    route.gate.set()
    one = logger(route)
    assert [one.record("test.done") for _ in range(3)] == [0, 1, 2]
    until(lambda: one.state is not None, 3.0, "a state")
    one.close()


def test_a_full_disk_refuses_at_once_and_keeps_what_was_posted() -> None:
    route = FakeRoute(["full", "full"])
    one = logger(route)
    one.post("ring.taken")
    future = one.submit("person.erase")
    route.gate.set()
    with pytest.raises(AuditUnwritableError):
        future.result(2.0)
    until(lambda: route.acts() == ["ring.taken"], 3.0, "the posted one")
    one.close()


def test_a_writer_that_restarts_is_waited_for() -> None:
    route = FakeRoute(["gone", "gone", "gone"])
    route.gate.set()
    one = logger(route)
    assert one.record("person.erase") == 0
    one.close()


def test_a_writer_that_stays_away_refuses_when_patience_is_over() -> None:
    route = FakeRoute(["gone"] * 1000)
    route.gate.set()
    one = logger(route, patience_s=0.2)
    with pytest.raises(AuditError):
        one.record("person.erase")
    one.close(0.5)


def test_posting_never_waits_and_what_is_lost_is_counted_in_the_log() -> None:
    route = FakeRoute()
    one = logger(route, queue=16)
    for number in range(50):
        one.post("ring.taken", obj=f"visit:{number}")
    route.gate.set()
    until(lambda: "audit.gap" in route.acts(), 3.0, "the gap")
    gap = next(entry for entry in route.entries if entry.act == "audit.gap")
    kept = route.acts().count("ring.taken")
    assert gap.ctx == {"lost": 50 - kept}
    # Where they are missing: behind those that came before.
    assert route.acts()[-1] == "audit.gap"
    one.close()


def test_what_may_not_be_recorded_is_no_reason_to_stop() -> None:
    route = FakeRoute()
    route.gate.set()
    one = logger(route)
    one.post("ring.taken", ctx={"likeness": 0.5})
    assert one.record("test.done") == 0
    one.close()


@pytest.fixture
def place(tmp_path: Path) -> AuditPlace:
    return AuditPlace(
        tmp_path / "audit", tmp_path / "keys" / "audit.key", tmp_path / "w.sock"
    )


@pytest.fixture
def writer(place: AuditPlace) -> Iterator[AuditWriter]:
    """A writer that turns its loop in a thread."""
    end, stop = os.pipe()
    one = AuditWriter(place, "unit")
    one.start()
    thread = threading.Thread(target=serve, args=(one, end))
    thread.start()
    yield one
    os.write(stop, b"x")
    thread.join()
    one.close()
    os.close(end)
    os.close(stop)


def test_many_at_once_are_committed_together(
    writer: AuditWriter, place: AuditPlace
) -> None:
    assert writer.size == 1
    loggers = [AuditLogger(WriterRoute(place)) for _ in range(8)]
    futures = [one.submit("test.done") for one in loggers for _ in range(25)]
    numbers = sorted(future.result(10.0) for future in futures)
    assert numbers == list(range(1, 201))
    for one in loggers:
        one.close()
    assert verify(place.log).code == 0


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"type":"Append","entries":[]}',
        b'{"type":"Append","entries":[{"act":"x"}]}',
        (
            b'{"type":"Append","entries":[{"act":"a.b","boot_id":"","mono_ns":1,'
            b'"wall_ns":1e30,"synced":true}]}'
        ),
        (
            b'{"type":"Append","entries":[{"act":"a.b","boot_id":"","mono_ns":1,'
            b'"wall_ns":9223372036854775807,"synced":true,"ctx":{"x":0.5}}]}'
        ),
    ],
)
def test_nonsense_does_not_end_the_writer(
    writer: AuditWriter, place: AuditPlace, packet: bytes
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.connect(str(place.socket))
        caller.send(packet)
        caller.settimeout(2.0)
        caller.recv(1000)
    one = AuditLogger(WriterRoute(place))
    assert one.record("test.done") == writer.size - 1
    one.close()


def test_the_unit_tells_systemd_that_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert audit_writer._tell_watchdog() == audit_writer.IDLE_S
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        assert audit_writer._tell_watchdog() == 10.0
        assert systemd.recv(100) == b"WATCHDOG=1"


def test_a_command_uses_the_writer_if_there_is_one_and_its_own_hand_if_not(
    writer: AuditWriter, place: AuditPlace
) -> None:
    first = AuditLogger(OwnRoute(place, instants.now))
    assert first.record("test.done") == writer.size - 1
    first.close()


def test_without_a_writer_a_command_writes_itself_and_gives_the_lock_back(
    place: AuditPlace,
) -> None:
    for wanted in (1, 2):
        one = AuditLogger(OwnRoute(place, instants.now))
        assert one.record("test.done") == wanted
        one.close()
    report = verify(place.log)
    assert (report.code, report.size, report.covered) == (0, 3, 3)


def test_a_writer_that_is_still_starting_is_no_trouble_and_a_full_disk_is() -> None:
    starting = FakeRoute(["gone"] * 5)
    starting.gate.set()
    one = logger(starting)
    one.post("ring.taken")
    until(starting.acts, 3.0, "the record")
    assert one.trouble == ""
    one.close()
    full = FakeRoute(["full"] * 1000)
    full.gate.set()
    one = logger(full)
    one.post("ring.taken")
    until(lambda: one.trouble == "full", 3.0, "the trouble")
    one.close(0.5)
