"""The operations port answers what is known, and suffers no caller."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import SettingsError
from config.loader import load
from doorbell.runtime import operations
from doorbell.runtime.http_wire import BadRequestError, HttpRequest, HttpResponse, parse
from doorbell.runtime.operations import OperationsServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

GET = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9713\r\n\r\n"


def answer(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"measured")


def broken(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError


class Caller:
    """A server at a free port, and who asks it."""

    def __init__(self, token: str = "") -> None:
        self.answered: list[tuple[str, int]] = []
        routes = {"/metrics": answer, "/broken": broken, "/health/live": answer}
        self.server = OperationsServer(
            routes, token, lambda path, status: self.answered.append((path, status))
        )

    async def ask(self, raw: bytes) -> bytes:
        reader, writer = await self.connect()
        writer.write(raw)
        try:
            return await asyncio.wait_for(reader.read(), 5.0)
        finally:
            writer.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, _, port = self.server.address.rpartition(":")
        return await asyncio.open_connection(host, int(port))

    def run(self, talk: Callable[[Caller], Awaitable[None]]) -> None:
        async def life() -> None:
            await self.server.listen("127.0.0.1", 0)
            try:
                await talk(self)
            finally:
                await self.server.close()

        asyncio.run(life())


def asked(raw: bytes, token: str = "") -> tuple[int, bytes]:
    got: list[bytes] = []
    caller = Caller(token)

    async def talk(caller: Caller) -> None:
        got.append(await caller.ask(raw))

    caller.run(talk)
    head, _, body = got[0].partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def test_a_route_is_answered() -> None:
    assert asked(GET) == (200, b"measured")


def test_head_is_answered_without_body() -> None:
    assert asked(GET.replace(b"GET", b"HEAD")) == (200, b"")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (GET.replace(b"metrics", b"secrets"), 404),
        (GET.replace(b"GET", b"POST"), 405),
        (GET.replace(b"HTTP/1.1", b"HTTP/2"), 400),
        (GET.replace(b"/metrics", b"metrics"), 400),
        (GET.replace(b"Host:", b"Host :"), 400),
        (GET.replace(b"Host:", b"H\xf6st:"), 400),
        (GET.replace(b"/metrics", b"/metrics?" + b"&".join([b"a=1"] * 20)), 400),
        (GET.replace(b"Host:", b"X: " + b"a" * 9000 + b"\r\nHost:"), 431),
        (GET.replace(b"/metrics", b"/broken"), 500),
    ],
)
def test_what_cannot_be_answered_is_told_why(raw: bytes, status: int) -> None:
    assert asked(raw)[0] == status


@pytest.mark.parametrize("host", [b"evil.example", b"evil.example:9713", b"127.0.0.1."])
def test_a_page_whose_name_points_here_reads_nothing(host: bytes) -> None:
    assert asked(GET.replace(b"127.0.0.1:9713", host))[0] == 403


@pytest.mark.parametrize(
    "host", [b"localhost:9713", b"[::1]:9713", b"192.168.1.7", b""]
)
def test_an_address_may_be_asked(host: bytes) -> None:
    assert asked(GET.replace(b"127.0.0.1:9713", host))[0] == 200


@pytest.mark.parametrize("sent", [b"", b"Bearer wrong", b"Bearer ", b"Basic s3cret"])
def test_without_the_token_nothing_is_told(sent: bytes) -> None:
    status, body = asked(
        GET.replace(b"Host:", b"Authorization: " + sent + b"\r\nHost:"), "s3cret"
    )
    assert (status, b"measured" in body) == (401, False)


def test_the_token_opens() -> None:
    bearer = b"Authorization: Bearer s3cret\r\nHost:"
    assert asked(GET.replace(b"Host:", bearer), "s3cret")[0] == 200


def test_who_restarts_what_hangs_needs_no_token() -> None:
    assert asked(GET.replace(b"/metrics", b"/health/live"), "s3cret")[0] == 200


def test_a_caller_who_says_nothing_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operations, "REQUEST_S", 0.1)
    assert asked(b"GET /met")[0] == 408


def test_many_silent_callers_keep_nobody_out_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operations, "REQUEST_S", 0.3)
    caller = Caller()

    async def talk(caller: Caller) -> None:
        held = [await caller.connect() for _ in range(operations.MAX_CONNECTIONS)]
        await asyncio.sleep(0.05)
        # The one too many is hung up on at once, not kept.
        reader, late = await caller.connect()
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 0.2) == b""
        late.close()
        for reader, _ in held:
            assert b"408" in await asyncio.wait_for(reader.read(), 2.0)
        assert b"200 OK" in await caller.ask(GET)
        for _, writer in held:
            writer.close()

    caller.run(talk)


def test_each_answer_is_counted_by_a_known_path() -> None:
    caller = Caller()

    async def talk(caller: Caller) -> None:
        await caller.ask(GET)
        await caller.ask(GET.replace(b"metrics", b"anna"))

    caller.run(talk)
    assert caller.answered == [("/metrics", 200), ("", 404)]


@given(st.binary(max_size=300))
def test_whatever_arrives_is_a_request_or_an_error_of_its_own(junk: bytes) -> None:
    """Kills the mutant that lets a parser's own exception through."""
    with contextlib.suppress(BadRequestError):
        assert parse(junk + b"\r\n\r\n").path.startswith("/")


# The setting.


def settings(tmp_path: Path, lines: str) -> None:
    path = tmp_path / "doorbell.toml"
    path.write_text(f"[operations]\n{lines}\n")
    load(path, {})


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:9713", "[::]:9713", "192.168.1.7:9713", "door.lan:80"]
)
def test_any_other_address_than_loopback_needs_a_token(
    tmp_path: Path, listen: str
) -> None:
    with pytest.raises(SettingsError, match="token_file") as caught:
        settings(tmp_path, f'listen = "{listen}"')
    assert caught.value.exit_code == 78
    settings(tmp_path, f'listen = "{listen}"\ntoken_file = "/etc/doorbell/token"')


@pytest.mark.parametrize(
    "listen", ["none", "127.0.0.1:0", "[::1]:9713", "localhost:1", "127.8.8.8:1"]
)
def test_loopback_needs_none(tmp_path: Path, listen: str) -> None:
    settings(tmp_path, f'listen = "{listen}"')


@pytest.mark.parametrize(
    "listen", ["", "9713", "127.0.0.1", "127.0.0.1:99999", "::1:9713"]
)
def test_what_is_no_address_is_a_mistake(tmp_path: Path, listen: str) -> None:
    with pytest.raises(SettingsError):
        settings(tmp_path, f'listen = "{listen}"')
