"""Connections of the web process: taken while there is room, and never for ever."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from doorbell.web import serving
from doorbell.web.serving import Door

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

REQUEST = b"GET / HTTP/1.1\r\nHost: door\r\n\r\n"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        yield sock


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"5"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


async def read(listening: socket.socket, said: bytes = REQUEST) -> bytes:
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    with closing(writer):
        writer.write(said)
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


def run(
    listening: socket.socket,
    scenario: Callable[[Door], Awaitable[None]],
    app: ASGIApp = hello,
) -> None:
    async def whole() -> None:
        door = Door(app, [listening])
        async with asyncio.timeout(5.0):
            await scenario(door)
            await door.finish(1.0)

    asyncio.run(whole())


def test_nobody_is_let_in_before_the_hub_says_so(listening: socket.socket) -> None:
    async def scenario(door: Door) -> None:
        waiting = asyncio.create_task(read(listening))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        door.open()
        assert (await waiting).endswith(b"hello")

    run(listening, scenario)


def test_a_head_that_does_not_come_is_hung_up_on(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HEAD_S", 0.1)

    async def scenario(door: Door) -> None:
        door.open()
        assert await read(listening, b"GET / HTTP/1.1\r\nX-Slow: ") == b""

    run(listening, scenario)


def test_a_connection_does_not_outlive_its_time(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "LIFE_S", 0.1)

    async def never(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await asyncio.Event().wait()

    async def scenario(door: Door) -> None:
        door.open()
        assert await read(listening) == b""
        for task in door._state.tasks:
            task.cancel()

    run(listening, scenario, never)


def test_who_finds_no_room_waits_and_is_not_refused(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 2)

    async def scenario(door: Door) -> None:
        door.open()
        silent = [
            await asyncio.open_connection(*listening.getsockname()) for _ in range(2)
        ]
        waiting = asyncio.create_task(read(listening))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        for _, writer in silent:
            writer.close()
        assert (await waiting).endswith(b"hello")

    run(listening, scenario)


def test_what_was_taken_is_answered_before_the_end(listening: socket.socket) -> None:
    """Also a connection on which nothing was said yet."""

    async def scenario(door: Door) -> None:
        door.open()
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        while not door._state.connections:  # noqa: ASYNC110 - nobody signals it
            await asyncio.sleep(0.01)
        finishing = asyncio.create_task(door.finish(3.0))
        await asyncio.sleep(0.05)
        assert not finishing.done()
        with closing(writer):
            writer.write(REQUEST)
            assert (await reader.read()).endswith(b"hello")
        await finishing

    run(listening, scenario)
