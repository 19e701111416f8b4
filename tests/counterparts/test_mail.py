"""A real SMTP server takes the mail apprise makes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default as email_policy
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.controller import Controller

from doorbell.adapters.notifiers import open_notifier
from doorbell.adapters.picture_render import PillowRenderer
from doorbell.ports.notifier import Outcome, Push

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from aiosmtpd.smtp import SMTP, Envelope, Session

# An optional dependency of apprise still imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")

PUSH = Push(
    key="0123456789abcdef0123456789abcdef-visit",
    replaces="0123456789abcdef0123456789abcdef",
    title="Ännä <b> is at the door",
    body="Ännä: a fair likeness.\nAt 14:02. <script>",
    jpeg=PillowRenderer().sample(),
    silent=False,
)


@dataclass
class Mailbox:
    reply: str = "250 OK"
    mails: list[EmailMessage] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    async def handle_DATA(  # noqa: N802 - the name aiosmtpd asks for
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        del server, session
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, policy=email_policy))
        self.arrived.set()
        return self.reply


class Server(Controller):
    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__(mailbox, hostname="127.0.0.1", port=0)

    def _trigger_server(self) -> None:
        # Its own way to wait until the server answers takes the port it was given.
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def address(mailbox: Mailbox) -> Iterator[str]:
    server = Server(mailbox)
    server.start()
    yield f"mailto://127.0.0.1:{server.port}/?to=home@example.org&from=bell@example.org"
    server.stop()


def test_a_mail_arrives_with_words_and_picture(address: str, mailbox: Mailbox) -> None:
    answer = open_notifier(address, "mail").send(PUSH, 5.0)
    assert answer.outcome is Outcome.SENT
    assert mailbox.arrived.wait(5.0)
    (mail,) = mailbox.mails
    assert mail["subject"] == PUSH.title
    assert "home@example.org" in mail["to"]
    (picture,) = mail.iter_attachments()
    assert picture.get_content_type() == "image/jpeg"
    assert picture.get_filename() == "doorbell.jpg"
    assert picture.get_payload(decode=True) == PUSH.jpeg


def test_words_are_text_and_never_markup(address: str, mailbox: Mailbox) -> None:
    open_notifier(address, "mail").send(PUSH, 5.0)
    bodies = [
        part.get_content()
        for part in mailbox.mails[0].walk()
        if part.get_content_type() == "text/html"
    ]
    assert not any("<script>" in body for body in bodies)
    text = mailbox.mails[0].get_body(("plain", "html"))
    assert text is not None
    assert "Ännä: a fair likeness." in text.get_content()


def test_a_mail_without_picture_arrives(address: str, mailbox: Mailbox) -> None:
    words = Push(PUSH.key, PUSH.replaces, "Someone rang", "", None, silent=True)
    assert open_notifier(address, "mail").send(words, 5.0).outcome is Outcome.SENT
    assert mailbox.mails[0]["subject"] == "Someone rang"


def test_a_server_that_has_no_time_is_tried_again(
    address: str, mailbox: Mailbox
) -> None:
    mailbox.reply = "451 try again later"
    assert open_notifier(address, "mail").send(PUSH, 5.0).outcome is Outcome.RETRY


def test_a_server_that_is_gone_is_tried_again() -> None:
    url = "mailto://127.0.0.1:1/?to=home@example.org&from=bell@example.org"
    answer = open_notifier(url, "mail").send(PUSH, 5.0)
    assert answer.outcome is Outcome.RETRY
    assert "example" not in answer.detail
