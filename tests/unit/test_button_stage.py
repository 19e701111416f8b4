"""From the edge to a ring that is on disk, was heard, and is told once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from button_door import Door

from doorbell.core.stamp import NS_PER_S, stamp_at
from doorbell.ports.button import Edge
from doorbell.stages.heard import local_time
from doorbell.stages.messages import (
    ButtonState,
    ButtonStuck,
    CursorMoved,
    LightUp,
    PressBegan,
    PressVoid,
    RequestRing,
    RingAccepted,
    Rung,
    Stop,
)
from doorbell.testing.clock import FakeClock
from doorbell.testing.journal import FakeJournal
from doorbell.testing.signal import FakeSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def at_door() -> Iterator[Callable[..., Door]]:
    doors: list[Door] = []

    def make(**parts: Any) -> Door:  # noqa: ANN401 - as Door takes them
        doors.append(Door(**parts))
        return doors[-1]

    yield make
    for door in doors:
        door.journal.disk_answers.set()
        door.stage.close()


def test_spike_whose_end_is_told_late_rings_nobody(
    at_door: Callable[..., Door],
) -> None:
    # On a busy machine lgpio tells of an edge 20 ms after the kernel saw it.
    door = at_door()
    button, began_ns = door.button, door.clock.mono
    assert button is not None
    door.drive(pressed=True)
    button._level = False
    door.pass_time(0.02)
    button._edges.append(Edge(pressed=False, mono_ns=began_ns + 3_000_000))
    door.pass_time(0.1)
    assert door.outlet.of(PressVoid) == [PressVoid(press=1)]
    assert door.outlet.of(Rung) == []


def test_press_whose_end_is_never_told_rings(at_door: Callable[..., Door]) -> None:
    door = at_door()
    assert door.button is not None
    door.drive(pressed=True)
    door.button._level = False
    door.pass_time(0.02)
    door.pass_time(0.1)
    assert len(door.rung(1)) == 1


def test_press_is_told_at_its_first_edge_and_rings_when_it_is_on_disk(
    at_door: Callable[..., Door],
) -> None:
    door = at_door()
    edge = door.clock.now()
    door.drive(pressed=True)
    assert door.outlet.of(PressBegan) == [PressBegan(press=1, stamp=edge)]
    assert door.outlet.of(Rung) == []
    door.pass_time(0.015)
    (rung,) = door.rung(1)
    assert (rung.press, rung.ring.stamp, rung.ring.durable) == (1, edge, True)
    assert [rung.ring] == door.journal.rings
    assert len(door.chime.started_ns) == len(door.led.started_ns) == 1


def test_spike_is_void_and_silent(at_door: Callable[..., Door]) -> None:
    door = at_door()
    door.press(held_s=0.01)
    assert door.outlet.of(PressVoid) == [PressVoid(press=1)]
    assert (door.journal.rings, door.chime.started_ns) == ([], [])


def test_requested_ring_is_accepted_after_it_was_told(
    at_door: Callable[..., Door],
) -> None:
    door = at_door(line=None)
    door.stage.handle(RequestRing(request=7, source="command"), ())
    (rung,) = door.rung(1)
    assert (rung.ring.source, rung.request) == ("command", 7)
    assert door.outlet.sent[-2:] == [rung, RingAccepted(request=7, ring=rung.ring)]


def test_light_at_the_door_goes_on_when_the_hub_says_it_is_dark(
    at_door: Callable[..., Door],
) -> None:
    door = at_door()
    door.press()
    assert door.light.started_ns == []
    door.stage.handle(LightUp(), ())
    assert len(door.light.started_ns) == 1


def test_failed_write_is_told_undurable_and_again_when_recorded(
    at_door: Callable[..., Door],
) -> None:
    door = at_door(journal=FakeJournal("fail ok"))
    door.press()
    first, again = door.rung(2)
    assert (first.ring.durable, first.ring.seq, first.press) == (False, 0, 1)
    assert "disk failed" in first.error
    assert (again.ring.durable, again.press, again.error) == (True, 0, "")
    assert first.ring.id == again.ring.id
    assert door.journal.late == [first.ring.id]
    assert len(door.chime.started_ns) == 1
    assert [s.journal for s in door.outlet.of(ButtonState)][-1] == "ok"


def test_bell_works_without_any_disk(at_door: Callable[..., Door]) -> None:
    door = at_door(journal=FakeJournal(opens="fail"))
    assert "broken" in door.detail
    for _ in range(3):
        door.press()
    assert [r.ring.durable for r in door.rung(3)] == [False] * 3
    assert len(door.chime.started_ns) == 3
    state = door.outlet.of(ButtonState)[-1]
    assert (state.journal, "no disk" in state.detail) == ("broken", True)


def test_hung_disk_holds_up_neither_chime_nor_household(
    at_door: Callable[..., Door],
) -> None:
    door = at_door()
    door.journal.disk_answers.clear()
    door.press(held_s=0.1, rest_s=0.0)
    assert door.chime.started_ns == []
    assert door.turn() == pytest.approx(0.015, abs=0.001)
    door.pass_time(0.2)
    assert len(door.chime.started_ns) == 1
    assert door.outlet.of(Rung) == []
    door.pass_time(1.8)
    (early,) = door.outlet.of(Rung)
    assert not early.ring.durable
    door.press()
    assert [r.ring.durable for r in door.outlet.of(Rung)] == [False, False]
    door.journal.disk_answers.set()
    tellings = door.rung(4)
    assert [r.ring.durable for r in tellings] == [False, False, True, True]
    assert [r.ring.id for r in tellings[:2]] == [r.ring.id for r in tellings[2:]]
    assert [r.press for r in tellings] == [1, 2, 0, 0]
    assert len(door.chime.started_ns) == 2


def test_absent_line_is_said_and_tried_again(
    at_door: Callable[..., Door],
) -> None:
    door = at_door(line="absent absent ok")
    assert "no line" in door.detail
    assert door.outlet.of(ButtonState)[-1].line == "absent"
    door.pass_time(0.5)
    assert door.outlet.of(ButtonState)[-1].line == "absent"
    door.pass_time(0.5)
    door.pass_time(2.0)
    assert door.outlet.of(ButtonState)[-1].line == "ok"
    door.press()
    assert door.rung(1)


def test_button_held_while_its_line_is_taken_rings(
    at_door: Callable[..., Door],
) -> None:
    door = at_door(line="absent ok")
    door.drive(pressed=True)
    door.pass_time(1.0)
    door.pass_time(0.015)
    assert door.rung(1)[0].press == 1


def test_stuck_button_is_one_ring_and_said_once(at_door: Callable[..., Door]) -> None:
    door = at_door()
    door.drive(pressed=True)
    door.pass_time(0.015)
    door.rung(1)
    for _ in range(120):
        door.pass_time(30.0)
    door.drive(pressed=False)
    door.pass_time(0.1)
    assert [m.stuck for m in door.outlet.of(ButtonStuck)] == [True, False]
    assert len(door.rung(1)) == 1


def test_thousand_presses_a_minute_are_journalled_each(
    at_door: Callable[..., Door],
) -> None:
    door = at_door(chime=FakeSignal(on_s=0.5))
    for _ in range(1000):
        door.press(held_s=0.03, rest_s=0.03)
    door.until(lambda: len(door.journal.rings) == 1000)
    door.until(lambda: door.outlet.of(Rung)[-1].ring == door.journal.rings[-1])
    assert len({r.ring.id for r in door.outlet.of(Rung)}) == 1000
    assert door.chime.skipped > 500
    door.pass_time(1.0)


@pytest.mark.parametrize(
    ("synced", "sounds"), [(True, 0), (False, 1)], ids=["night", "clock not set"]
)
def test_chime_is_quiet_by_night_but_not_by_a_clock_that_was_never_set(
    at_door: Callable[..., Door], synced: bool, sounds: int
) -> None:
    door = at_door(settings={"chime": {"quiet_hours": "00:00-00:00"}})
    door.clock.synced = synced
    door.press()
    door.rung(1)
    assert len(door.chime.started_ns) == sounds
    assert len(door.led.started_ns) == 1


def test_self_test_disturbs_nobody(at_door: Callable[..., Door]) -> None:
    door = at_door()
    door.stage.handle(RequestRing(request=1, source="synthetic"), ())
    door.rung(1)
    assert door.chime.started_ns == door.led.started_ns == []


def test_broken_chime_holds_up_no_ring(at_door: Callable[..., Door]) -> None:
    door = at_door(chime=FakeSignal(is_broken=True))
    door.press()
    assert door.rung(1)[0].ring.durable


def test_stop_finishes_the_press_in_hand(at_door: Callable[..., Door]) -> None:
    door = at_door()
    door.drive(pressed=True)
    door.clock.advance(0.02)
    door.stage.handle(Stop(), ())
    assert len(door.outlet.of(Rung)) == 1


def test_close_tells_what_the_disk_keeps_waiting(at_door: Callable[..., Door]) -> None:
    door = at_door()
    door.journal.disk_answers.clear()
    door.stage.handle(RequestRing(request=3, source="http"), ())
    door.stage.close()
    (rung,) = door.outlet.of(Rung)
    assert not rung.ring.durable
    assert door.outlet.of(RingAccepted)


def test_ring_is_journalled_even_when_the_hub_is_gone(
    at_door: Callable[..., Door],
) -> None:
    door = at_door()
    door.outlet.is_gone = True
    door.press()
    door.until(lambda: door.chime.started_ns)
    assert len(door.journal.rings) == 1


def test_cursor_of_the_hub_reaches_the_journal(at_door: Callable[..., Door]) -> None:
    door = at_door()
    door.stage.handle(CursorMoved(seq=12), ())
    door.until(lambda: door.journal.released == 12)


def test_edge_dated_by_the_kernel_gets_both_clocks() -> None:
    clock = FakeClock()
    edge = clock.now()
    clock.advance(0.25)
    assert stamp_at(edge.mono_ns, clock.now()) == edge


def test_local_time_follows_both_changes_of_summer_time() -> None:
    clock = FakeClock()
    for utc_s, expected in [
        (1774745999, "01:59:59"),
        (1774746000, "03:00:00"),
        (1792889999, "02:59:59"),
        (1792890000, "02:00:00"),
    ]:
        clock.wall = utc_s * NS_PER_S
        assert local_time(clock.now(), "Europe/Berlin").isoformat() == expected
    assert local_time(clock.now(), "No/Where")


def replayed(door: Door, edge_ns: int) -> None:
    """Give the stage a press that an earlier process had read and not settled."""
    assert door.button is not None
    for pressed, mono_ns in ((True, edge_ns), (False, edge_ns + 100_000_000)):
        door.button._edges.append(Edge(pressed, mono_ns))
    door.turn()


def test_press_judged_again_after_a_kill_rings_once(
    at_door: Callable[..., Door],
) -> None:
    journal, edge_ns = FakeJournal(), 900 * NS_PER_S
    door = at_door(journal=journal)
    replayed(door, edge_ns)
    (rung,) = door.rung(1)
    again = at_door(journal=journal)
    replayed(again, edge_ns)
    again.until(lambda: again.button is not None and again.button.settled)
    assert [ring.id for ring in journal.rings] == [rung.ring.id]
    # The hub reads it in the journal; nobody waits at the door after 100 s.
    assert again.outlet.of(Rung) == []
    assert again.chime.started_ns == []


def test_ring_that_a_kill_may_have_silenced_is_heard(
    at_door: Callable[..., Door],
) -> None:
    journal = FakeJournal()
    door = at_door(journal=journal)
    edge_ns = door.clock.mono
    replayed(door, edge_ns)
    door.rung(1)
    again = at_door(journal=journal)
    replayed(again, edge_ns)
    again.until(lambda: again.chime.started_ns)


def test_edges_are_settled_once_their_ring_is_on_disk(
    at_door: Callable[..., Door],
) -> None:
    journal = FakeJournal()
    journal.disk_answers.clear()
    door = at_door(journal=journal)
    assert door.button is not None
    door.turn()
    before = door.button.settled
    door.press(rest_s=1.0)
    assert door.button.settled == before
    journal.disk_answers.set()
    door.rung(1)
    door.until(lambda: door.button is not None and door.button.settled > before)


def test_a_new_listener_hears_how_line_and_journal_are(
    at_door: Callable[..., Door],
) -> None:
    door = at_door()
    door.until(lambda: door.outlet.of(ButtonState))
    told = len(door.outlet.of(ButtonState))
    door.turn()
    assert len(door.outlet.of(ButtonState)) == told
    door.stage.greet()
    door.turn()
    assert len(door.outlet.of(ButtonState)) == told + 1
