"""The notify stage with its real threads, and targets that misbehave."""

from __future__ import annotations

import io
import logging
import time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from notify_hub import (
    VISIT,
    FixedClock,
    Hub,
    deliver,
    fetch,
    notice,
    run_until,
    settings,
)
from PIL import Image

from config.notify import Notify
from config.production.production_settings import ProductionSettings
from doorbell.adapters.notifiers import open_all, open_notifier
from doorbell.adapters.picture_render import PillowRenderer
from doorbell.core.errors import BadSettingsError
from doorbell.stages import notify as notify_module
from doorbell.stages.notify import NotifyStage
from doorbell.stages.notify_messages import Delivered
from doorbell.testing.notifier import FakeNotifier
from doorbell.testing.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from doorbell.ports.notifier import Notifier

    Begin = Callable[..., tuple["NotifyStage", "Hub"]]

# An optional dependency of apprise still imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")

PICTURE = PillowRenderer().sample()


@pytest.fixture
def start() -> Iterator[Begin]:
    running: list[NotifyStage] = []
    fakes: list[Notifier] = []

    def begin(
        targets: Mapping[str, Notifier], timeout_s: float = 5.0
    ) -> tuple[NotifyStage, Hub]:
        stage = NotifyStage(
            settings(*targets, timeout_s=timeout_s),
            targets,
            renderer=PillowRenderer(),
            fetch=fetch,
            clock=FixedClock(),
            system_zone=ZoneInfo("UTC"),
        )
        hub = Hub()
        running.append(stage)
        fakes.extend(targets.values())
        stage.start(hub)
        return stage, hub

    yield begin
    for fake in fakes:
        if isinstance(fake, FakeNotifier):
            fake.release()
    for stage in running:
        if stage.descriptors():
            stage.close()


def test_a_visit_becomes_words_and_a_framed_picture(start: Begin) -> None:
    phone = FakeNotifier()
    stage, hub = start({"phone": phone})
    deliver(stage, 1, "phone", jpeg=PICTURE)
    run_until(stage, lambda: 1 in hub.delivered)
    assert hub.delivered[1] == Delivered(attempt=1, status="sent")
    (push,) = phone.pushes
    assert push.title == "Anna is at the door"
    assert "At 14:02." in push.body
    assert push.jpeg is not None
    assert push.jpeg != PICTURE
    assert Image.open(io.BytesIO(push.jpeg)).size == (640, 360)


def test_a_damaged_picture_does_not_hold_up_the_words(start: Begin) -> None:
    phone = FakeNotifier()
    stage, hub = start({"phone": phone})
    deliver(stage, 1, "phone", jpeg=PICTURE[: len(PICTURE) // 2])
    run_until(stage, lambda: 1 in hub.delivered)
    assert hub.delivered[1].status == "sent"
    assert "without its picture" in hub.delivered[1].detail
    assert phone.pushes[0].jpeg is None


def test_a_picture_beyond_all_bounds_is_not_read(
    start: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_module, "MOST_PICTURE_BYTES", 10)
    phone = FakeNotifier()
    stage, hub = start({"phone": phone})
    deliver(stage, 1, "phone", jpeg=PICTURE)
    run_until(stage, lambda: 1 in hub.delivered)
    assert phone.pushes[0].jpeg is None
    assert "BadInputError" in hub.delivered[1].detail


def test_a_target_that_hangs_delays_no_other_and_never_the_loop(start: Begin) -> None:
    stuck, phone = FakeNotifier("hang"), FakeNotifier()
    stage, hub = start({"stuck": stuck, "phone": phone})
    deliver(stage, 1, "stuck")
    assert stuck.wait_for(1)
    began_s = time.monotonic()
    for attempt in range(2, 12):
        deliver(stage, attempt, "phone")
        stage.turn(time.monotonic())
    run_until(stage, lambda: len(hub.delivered) == 10, within_s=2.0)
    assert time.monotonic() - began_s < 2.0
    assert 1 not in hub.delivered


def test_attempts_for_a_target_stay_in_order(start: Begin) -> None:
    phone = FakeNotifier("ok fail ok 429 ok")
    stage, hub = start({"phone": phone})
    for attempt in range(1, 9):
        deliver(stage, attempt, "phone", notice(key=f"k{attempt}"))
    run_until(stage, lambda: len(hub.delivered) == 8)
    assert phone.keys() == [f"k{attempt}" for attempt in range(1, 9)]
    assert hub.order == list(range(1, 9))
    assert hub.delivered[4].retry_after_s == 7.0
    assert [hub.delivered[n].status for n in (1, 2, 4)] == ["sent", "retry", "retry"]


def test_a_call_that_never_returns_is_left_and_its_target_goes_on(
    start: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_module, "OVERDUE_MARGIN_S", 0.0)
    phone = FakeNotifier("hang ok")
    stage, hub = start({"phone": phone}, timeout_s=0.5)
    deliver(stage, 1, "phone")
    deliver(stage, 2, "phone")
    assert phone.wait_for(1)
    run_until(stage, lambda: len(hub.delivered) == 2)
    assert hub.delivered[1].status == hub.delivered[2].status == "retry"
    deliver(stage, 3, "phone")
    run_until(stage, lambda: 3 in hub.delivered)
    assert hub.delivered[3].status == "sent"
    # What it answers at last is not told a second time.
    phone.release()
    deliver(stage, 4, "phone")
    run_until(stage, lambda: 4 in hub.delivered)
    assert sorted(hub.delivered) == [1, 2, 3, 4]


def test_threads_that_never_return_are_bounded(
    start: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_module, "OVERDUE_MARGIN_S", -0.1)
    phone = FakeNotifier("hang " * 10)
    stage, hub = start({"phone": phone}, timeout_s=0.5)
    for attempt in range(1, 6):
        deliver(stage, attempt, "phone")
        run_until(stage, lambda n=attempt: n in hub.delivered)  # type: ignore[misc]  # bound at once
    assert len(phone.pushes) == notify_module.MOST_ABANDONED
    assert "hangs every time" in hub.delivered[5].detail
    phone.release()
    run_until(stage, lambda: not any(one.is_alive() for one in stage._abandoned))
    deliver(stage, 6, "phone")
    run_until(stage, lambda: 6 in hub.delivered)
    assert hub.delivered[6].status == "sent"


def test_a_queue_that_is_full_sends_the_rest_back_to_the_outbox(
    start: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_module, "LONGEST_QUEUE", 2)
    phone = FakeNotifier("hang")
    stage, hub = start({"phone": phone})
    deliver(stage, 0, "phone")
    assert phone.wait_for(1)
    for attempt in range(1, 5):
        deliver(stage, attempt, "phone")
    assert sorted(hub.delivered) == [3, 4]
    assert {one.status for one in hub.delivered.values()} == {"retry"}


def test_a_bug_in_a_sender_does_not_end_its_target(
    start: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    phone = FakeNotifier("raise ok")
    stage, hub = start({"phone": phone})
    deliver(stage, 1, "phone")
    deliver(stage, 2, "phone")
    run_until(stage, lambda: len(hub.delivered) == 2)
    assert hub.delivered[1].status == "retry"
    assert hub.delivered[2].status == "sent"
    assert "push_crashed" in caplog.text
    assert "scripted bug" not in caplog.text


def test_an_unknown_target_is_refused(start: Begin) -> None:
    stage, hub = start({"phone": FakeNotifier()})
    deliver(stage, 1, "gone", jpeg=PICTURE)
    assert hub.delivered[1].status == "refused"


def test_a_target_whose_address_is_wrong_keeps_its_pushes() -> None:
    notifiers, mistakes = open_all({"good": "console:", "bad": "nosuch:x"})
    assert set(notifiers) == {"good"}
    assert [mistake.exit_code for mistake in mistakes] == [78]
    hub = Hub()
    stage = NotifyStage(
        settings("good", "bad"),
        notifiers,
        renderer=PillowRenderer(),
        fetch=fetch,
        clock=FixedClock(),
    )
    stage.start(hub)
    deliver(stage, 1, "bad")
    stage.close()
    assert hub.delivered[1].status == "retry"


def test_a_test_push_says_so_and_brings_a_picture(start: Begin) -> None:
    phone = FakeNotifier()
    stage, hub = start({"phone": phone})
    deliver(stage, 1, "phone", notice(kind="test", decision=None, faces=[]))
    run_until(stage, lambda: 1 in hub.delivered)
    assert "Nobody rang" in phone.pushes[0].body
    assert phone.pushes[0].jpeg is not None


def test_a_self_test_reaches_no_phone(start: Begin) -> None:
    phone = FakeNotifier()
    stage, hub = start({"phone": phone})
    deliver(stage, 1, "phone", notice(synthetic=True), jpeg=PICTURE)
    run_until(stage, lambda: 1 in hub.delivered)
    assert "not sent" in hub.delivered[1].detail
    assert phone.pushes == []


def test_a_digest_has_a_line_a_visit(start: Begin) -> None:
    phone = FakeNotifier()
    stage, hub = start({"phone": phone})
    parts = [notice(), notice(at_s=None, decision=None, faces=[])]
    deliver(stage, 1, "phone", notice(kind="digest", digest=parts))
    run_until(stage, lambda: 1 in hub.delivered)
    assert phone.pushes[0].body == "14:02 · Anna\ntime unknown · Someone"


def test_stopping_waits_for_what_is_in_hand_but_not_for_ever(start: Begin) -> None:
    stuck, phone = FakeNotifier("hang"), FakeNotifier()
    stage, hub = start({"stuck": stuck, "phone": phone})
    deliver(stage, 1, "stuck")
    assert stuck.wait_for(1)
    for attempt in range(2, 6):
        deliver(stage, attempt, "phone")
    began_s = time.monotonic()
    stage.close()
    assert time.monotonic() - began_s < 1.0
    assert sorted(hub.delivered) == [2, 3, 4, 5]


def test_no_name_reaches_log_or_detail(
    start: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    phone = FakeNotifier("ok fail refuse raise 429")
    stage, hub = start({"phone": phone})
    for attempt in range(1, 6):
        deliver(stage, attempt, "phone", jpeg=PICTURE[:500])
    run_until(stage, lambda: len(hub.delivered) == 5)
    assert "Anna" not in caplog.text
    assert not any("Anna" in one.detail for one in hub.delivered.values())


def test_to_a_real_server_ring_and_name_are_two_keys_of_one_visit(start: Begin) -> None:
    with Sink("500 200") as sink:
        url = f"ntfy+http://{sink.address}/door"
        stage, hub = start({"phone": open_notifier(url, "phone")})
        ring = notice(kind="ring", key=f"{VISIT}-ring", decision=None, faces=[])
        deliver(stage, 1, "phone", ring)
        deliver(stage, 2, "phone", ring)
        deliver(stage, 3, "phone", notice(kind="name", key=f"{VISIT}-name"), PICTURE)
        run_until(stage, lambda: len(hub.delivered) == 3)
        assert [hub.delivered[n].status for n in (1, 2, 3)] == ["retry", "sent", "sent"]
        assert sink.keys() == {f"{VISIT}-ring", f"{VISIT}-name"}
        assert {one.headers["x-sequence-id"] for one in sink.received} == {VISIT}


def test_a_wrong_zone_ends_the_start() -> None:
    stage = NotifyStage(
        ProductionSettings(notify=Notify(timezone="Europe/Nowhere")),
        {},
        renderer=PillowRenderer(),
        fetch=fetch,
        clock=FixedClock(),
    )
    with pytest.raises(BadSettingsError):
        stage.start(Hub())
    stage.close()
