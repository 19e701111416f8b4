"""What every notifier promises, on the fake and on the real ones."""

from __future__ import annotations

import base64
import io
import json
import logging
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.policy import default as email_policy
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from doorbell.adapters.notifiers import open_notifier
from doorbell.adapters.notify_console import ConsoleNotifier
from doorbell.adapters.picture_render import PillowRenderer
from doorbell.core.errors import BadSettingsError
from doorbell.core.targets import can_replace
from doorbell.ports.notifier import Notifier, Outcome, Push
from doorbell.testing.notifier import FakeNotifier
from doorbell.testing.sink import Received, Sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# An optional dependency of apprise still imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")

VISIT = "0123456789abcdef0123456789abcdef"
TOKEN = "canary-token-5ecret"
JPEG = PillowRenderer().sample()
PUSH = Push(
    key=f"{VISIT}-visit",
    replaces=VISIT,
    title="Ännä is at the door",
    body="Ännä: a fair likeness.\nAt 14:02.",
    jpeg=JPEG,
    silent=False,
)
HTTP = {
    "json": "json://u:{token}@{address}/hook",
    "form": "form://u:{token}@{address}/hook",
    "xml": "xml://u:{token}@{address}/hook",
    "webhook": "webhook+http://:{token}@{address}/hook?source=door",
    "ntfy": "ntfy+http://:{token}@{address}/front-door",
}


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        yield server


def opened(kind: str, address: str) -> Notifier:
    return open_notifier(HTTP[kind].format(address=address, token=TOKEN), "phone")


@dataclass(frozen=True)
class Part:
    name: str
    filename: str | None
    content: bytes


def parts_of(request: Received) -> list[Part]:
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + request.body, policy=email_policy)
    found = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append(Part(str(name), part.get_filename(), content))
    return found


def everything_in(request: Received) -> str:
    """Return headers and body with every encoding in use undone."""
    text = request.body.decode("utf-8", "replace")
    if request.headers.get("content-type") == "application/json":
        text = str(json.loads(text))
    for value in request.headers.values():
        if value.startswith("=?UTF-8?B?"):
            text += base64.b64decode(value[10:-2]).decode()
    return unquote(text)


@pytest.mark.parametrize("kind", HTTP)
def test_a_push_arrives_once_with_key_words_and_picture(kind: str, sink: Sink) -> None:
    answer = opened(kind, sink.address).send(PUSH, 5.0)
    assert answer.outcome is Outcome.SENT
    (request,) = sink.received
    assert sink.keys() == {PUSH.key}
    assert "Ännä is at the door" in everything_in(request)
    picture = JPEG if kind not in {"json", "xml"} else base64.b64encode(JPEG)
    assert picture in request.body


@pytest.mark.parametrize("kind", HTTP)
def test_a_push_without_picture_arrives_too(kind: str, sink: Sink) -> None:
    answer = opened(kind, sink.address).send(replace(PUSH, jpeg=None), 5.0)
    assert answer.outcome is Outcome.SENT
    assert JPEG[:64] not in sink.received[0].body


@pytest.mark.parametrize("kind", HTTP)
def test_an_empty_body_is_no_reason_to_be_silent(kind: str, sink: Sink) -> None:
    answer = opened(kind, sink.address).send(replace(PUSH, body=""), 5.0)
    assert answer.outcome is Outcome.SENT


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (401, Outcome.REFUSED),
        (403, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (410, Outcome.REFUSED),
        (302, Outcome.RETRY),
        (429, Outcome.RETRY),
        (500, Outcome.RETRY),
        (503, Outcome.RETRY),
    ],
)
def test_a_status_means_the_same_everywhere(
    kind: str, status: int, outcome: Outcome
) -> None:
    with Sink(str(status)) as sink:
        answer = opened(kind, sink.address).send(PUSH, 5.0)
        assert answer.outcome is outcome
        assert str(status) in answer.detail
        # Once: the outbox is what retries, and a redirect is not followed.
        assert len(sink.received) == 1


@pytest.mark.parametrize("kind", ["webhook", "ntfy"])
def test_a_targets_wish_is_passed_on(kind: str) -> None:
    with Sink("429:17") as sink:
        assert opened(kind, sink.address).send(PUSH, 5.0).retry_after_s == 17.0


@pytest.mark.parametrize("kind", HTTP)
def test_a_target_that_hangs_is_given_up(kind: str) -> None:
    with Sink("hang") as sink:
        answer = opened(kind, sink.address).send(PUSH, 0.6)
        assert answer.outcome is Outcome.RETRY
        assert sink.wait_for(1)


@pytest.mark.parametrize("kind", HTTP)
def test_a_cut_connection_is_tried_again(kind: str) -> None:
    with Sink("cut") as sink:
        notifier = opened(kind, sink.address)
        assert notifier.send(PUSH, 5.0).outcome is Outcome.RETRY
        assert notifier.send(PUSH, 5.0).outcome is Outcome.SENT
        assert sink.keys() == {PUSH.key}


@pytest.mark.parametrize("kind", HTTP)
def test_nobody_listening_is_tried_again(kind: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        assert opened(kind, address).send(PUSH, 5.0).outcome is Outcome.RETRY


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize("script", ["200", "401", "429", "cut", "hang"])
def test_neither_token_nor_name_reaches_detail_or_log(
    kind: str, script: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with Sink(script) as sink:
        answer = opened(kind, sink.address).send(PUSH, 0.6)
    for secret in (TOKEN, "Ännä", sink.address):
        assert secret not in answer.detail
        assert secret not in caplog.text


@pytest.mark.parametrize("kind", ["webhook", "ntfy"])
def test_a_target_without_room_gets_the_words_alone(kind: str) -> None:
    with Sink("413 200") as sink:
        answer = opened(kind, sink.address).send(PUSH, 5.0)
        assert answer.outcome is Outcome.SENT
        assert "without its picture" in answer.detail
        assert JPEG[:64] not in sink.received[1].body


def test_a_webhook_gets_two_parts(sink: Sink) -> None:
    opened("webhook", sink.address).send(PUSH, 5.0)
    request = sink.received[0]
    notice, picture = parts_of(request)
    assert json.loads(notice.content) == {
        "key": PUSH.key,
        "visit": VISIT,
        "title": PUSH.title,
        "body": PUSH.body,
        "silent": False,
        "has_picture": True,
        "checkpoint": PUSH.checkpoint,
    }
    assert (picture.name, picture.filename) == ("picture", "doorbell.jpg")
    assert picture.content == JPEG
    assert request.path == "/hook?source=door"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


def test_a_resend_is_the_same_bytes(sink: Sink) -> None:
    webhook = opened("webhook", sink.address)
    webhook.send(PUSH, 5.0)
    webhook.send(PUSH, 5.0)
    assert sink.received[0].body == sink.received[1].body


def test_ntfy_shares_one_sequence_id_between_ring_and_name(sink: Sink) -> None:
    ntfy = opened("ntfy", sink.address)
    ntfy.send(replace(PUSH, key=f"{VISIT}-ring", jpeg=None), 5.0)
    ntfy.send(replace(PUSH, key=f"{VISIT}-name", silent=True), 5.0)
    ring, name = sink.received
    assert ring.headers["x-sequence-id"] == name.headers["x-sequence-id"] == VISIT
    assert ring.key != name.key
    assert ring.headers["x-priority"] == "high"
    assert name.headers["x-priority"] == "low"
    assert ring.path == "/front-door"
    assert ring.method == "PUT"
    assert "?" not in name.path


@pytest.mark.parametrize(
    ("url", "attribute", "quiet"),
    [
        ("tgram://123456789:abcdefghijklmnopqrstuvwxyz012345678/12315544", "silent", 1),
        (f"pover://{'u' * 30}@{'t' * 30}", "priority", -1),
        ("ntfy://localhost/topic", "priority", "low"),
        ("gotify://localhost/Abcdefgh1234567", "priority", 0),
        (f"prowl://{'a' * 40}", "priority", -1),
    ],
)
def test_silent_is_what_the_service_calls_it(
    url: str, attribute: str, quiet: object
) -> None:
    from doorbell.adapters import notify_apprise  # noqa: PLC0415 - one test's internals

    notifier = notify_apprise.AppriseNotifier(url, "phone")
    schema = url.partition(":")[0]
    for silent in (False, True):
        options = notify_apprise._options(schema, replace(PUSH, silent=silent))
        service = notifier._service(options, 5.0)
        assert service is not None
        assert (getattr(service, attribute) == quiet) == silent


def test_apprise_settings_that_would_lose_or_double_are_overruled(sink: Sink) -> None:
    url = f"json://{sink.address}/?retry=3&optional=yes&rto=90"
    sink.received.clear()
    with Sink("500") as failing:
        url = url.replace(sink.address, failing.address)
        answer = open_notifier(url, "phone").send(PUSH, 5.0)
        assert answer.outcome is Outcome.RETRY
        assert len(failing.received) == 1


def test_own_headers_of_an_apprise_address_stay(sink: Sink) -> None:
    open_notifier(f"json://{sink.address}/?+X-House=7", "phone").send(PUSH, 5.0)
    assert sink.received[0].headers["x-house"] == "7"
    assert sink.keys() == {PUSH.key}


def test_a_comma_does_not_split_an_address(sink: Sink) -> None:
    open_notifier(f"json://{sink.address}/a,b", "phone").send(PUSH, 5.0)
    assert [one.path for one in sink.received] == ["/a%2Cb"]


def test_the_file_target_leaves_words_and_picture(tmp_path: Path) -> None:
    folder = tmp_path / "pushes"
    notifier = open_notifier(f"file:{folder}", "files")
    assert notifier.send(PUSH, 1.0).outcome is Outcome.SENT
    assert (folder / f"{PUSH.key}.jpg").read_bytes() == JPEG
    notice = json.loads((folder / f"{PUSH.key}.json").read_text())
    assert notice["title"] == PUSH.title
    assert notice["picture"] == f"{PUSH.key}.jpg"
    assert (folder / f"{PUSH.key}.json").stat().st_mode & 0o077 == 0


def test_a_second_file_send_of_a_key_replaces_the_first(tmp_path: Path) -> None:
    notifier = open_notifier(f"file:{tmp_path}", "files")
    notifier.send(PUSH, 1.0)
    notifier.send(replace(PUSH, title="Later", jpeg=None), 1.0)
    assert [path.name for path in tmp_path.iterdir()] == [f"{PUSH.key}.json"]
    assert "Later" in (tmp_path / f"{PUSH.key}.json").read_text()


def test_a_key_cannot_leave_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    notifier = open_notifier(f"file:{folder}", "files")
    assert notifier.send(replace(PUSH, key="../../x"), 1.0).outcome is Outcome.SENT
    assert {path.parent for path in tmp_path.rglob("*.json")} == {folder}


def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    notifier = open_notifier(f"file:{tmp_path}/plain/below", "files")
    assert notifier.send(PUSH, 1.0).outcome is Outcome.RETRY


def test_the_console_shows_title_body_and_silence() -> None:
    out = io.StringIO()
    console = ConsoleNotifier("terminal", out)
    assert console.send(replace(PUSH, silent=True), 1.0).outcome is Outcome.SENT
    assert out.getvalue().startswith("terminal (silent): Ännä is at the door")
    assert "At 14:02." in out.getvalue()


def test_a_closed_console_is_an_answer_not_an_error() -> None:
    out = io.StringIO()
    out.close()
    assert ConsoleNotifier("terminal", out).send(PUSH, 1.0).outcome is Outcome.RETRY


def test_the_fake_follows_its_script() -> None:
    fake = FakeNotifier("ok fail 429 refuse")
    outcomes = [fake.send(PUSH, 1.0).outcome for _ in range(5)]
    assert outcomes == [
        Outcome.SENT,
        Outcome.RETRY,
        Outcome.RETRY,
        Outcome.REFUSED,
        Outcome.SENT,
    ]
    with pytest.raises(ValueError, match="no such words"):
        FakeNotifier("maybe")


@pytest.mark.parametrize(
    "url",
    [
        f"nosuch://{TOKEN}@host/",
        f"webhook+https:///{TOKEN}",
        f"webhook+https://u:{TOKEN}@host:99999/",
        f"ntfy+https://:{TOKEN}@host/",
        f"file:relative/{TOKEN}",
        TOKEN,
        "",
        f"tgram://{TOKEN}",
        f"webhook+https://[{TOKEN}/",
    ],
)
def test_a_wrong_address_is_a_wrong_setting_and_keeps_its_secret(url: str) -> None:
    with pytest.raises(BadSettingsError) as caught:
        open_notifier(url, "phone")
    assert caught.value.exit_code == 78
    assert caught.value.hint
    assert "phone" in str(caught.value)
    assert TOKEN not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    "url", ["console:", "file:/tmp", "ntfy+http://h/t", "webhook+http://h/"]
)
def test_our_own_targets_do_not_load_apprise(url: str) -> None:
    program = (
        "import sys; from doorbell.adapters.notifiers import open_notifier;"
        f"open_notifier({url!r}, 'phone');"
        "sys.exit(bool({'apprise', 'PIL', 'numpy', 'requests'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    "url",
    [
        "console:",
        "file:/tmp/pushes",
        "ntfy+https://ntfy.example/topic",
        "webhook+http://ha.example/hook",
        "json://localhost/",
    ],
)
def test_the_hub_knows_without_opening_what_can_replace(url: str) -> None:
    assert open_notifier(url, "phone").can_replace == can_replace(url)
