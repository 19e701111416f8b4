"""Visits and rings over HTTP: a real web process, a real client."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from http_caller import JSON, HttpCaller, HttpDoorstep, read_all

from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(30)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpDoorstep]:
    """A running doorstep with HTTP, shared by this module's harmless tests."""
    with Sink() as sink:
        one = HttpDoorstep(tmp_path_factory.mktemp("http"), sink, rings_per_minute=600)
        try:
            one.start()
            one.ready()
            yield one
        finally:
            one.kill()


@pytest.fixture(scope="module")
def caller(door: HttpDoorstep) -> HttpCaller:
    return door.serving()


@pytest.fixture
def own_door(tmp_path: Path) -> Iterator[HttpDoorstep]:
    """A doorstep with HTTP, not started yet."""
    with Sink() as sink:
        one = HttpDoorstep(tmp_path, sink)
        try:
            yield one
        finally:
            one.kill()


def journalled(door: HttpDoorstep) -> int:
    return sum(visit.rings for visit in door.visits())


def test_a_ring_over_http_is_journalled_pushed_and_listed(
    door: HttpDoorstep, caller: HttpCaller
) -> None:
    heard = door.sink.received
    before = len(heard)
    answer = caller.ask("POST", "/api/v1/rings")
    assert answer.status == HTTPStatus.ACCEPTED
    assert answer.body["durable"]
    assert answer.headers["X-Request-ID"]
    until(lambda: len(heard) > before, 6.0, "the push")
    visits = caller.ask("GET", "/api/v1/visits").body["visits"]
    found = next(one for one in visits if one["visit"] == answer.body["visit"])
    assert found["source"] == "http"


def test_who_waits_for_the_decision_gets_what_press_prints(
    caller: HttpCaller,
) -> None:
    answer = caller.ask("POST", "/api/v1/rings", b'{"wait": true}', JSON)
    assert answer.status == HTTPStatus.OK
    assert answer.body["decision"] == "nobody"
    assert answer.body["timings_ms"]["push"] > 0


def test_a_list_is_read_page_by_page(door: HttpDoorstep, caller: HttpCaller) -> None:
    for _ in range(2):
        caller.ask("POST", "/api/v1/rings", b'{"wait": true}', JSON)
        time.sleep(0.35)  # longer than merge_s: two visits
    first = caller.ask("GET", "/api/v1/visits?limit=1").body
    second = caller.ask("GET", f"/api/v1/visits?limit=1&before={first['next']}").body
    ids = [one.id for one in door.visits()][:2]
    assert [first["visits"][0]["visit"], second["visits"][0]["visit"]] == ids


@pytest.mark.parametrize(
    ("shown", "code"),
    [({}, "no_token"), ({"Authorization": "Bearer " + "x" * 43}, "wrong_token")],
)
def test_without_the_token_nothing_is_told_and_nothing_rings(
    door: HttpDoorstep, caller: HttpCaller, shown: dict[str, str], code: str
) -> None:
    stranger = HttpCaller(caller.port)
    before = journalled(door)
    for method, path in (("GET", "/api/v1/visits"), ("POST", "/api/v1/rings")):
        answer = stranger.ask(method, path, headers=shown)
        assert answer.status == HTTPStatus.UNAUTHORIZED
        assert answer.is_problem
        assert answer.body["error_code"] == code
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert journalled(door) == before


def test_a_wrong_token_is_a_security_event_but_no_flood(
    door: HttpDoorstep, caller: HttpCaller
) -> None:
    stranger = HttpCaller(caller.port, "wrong" * 9)
    for _ in range(30):
        stranger.ask("GET", "/api/v1/visits")
    lines = door.log.read_text().splitlines()
    assert 1 <= sum("wrong token" in line for line in lines) <= 7
    assert "wrongwrong" not in door.log.read_text()


def test_who_showed_the_token_lately_is_counted(
    door: HttpDoorstep, caller: HttpCaller
) -> None:
    caller.ask("GET", "/api/v1/visits")
    until(lambda: "user_sessions_active 1.0" in door.metrics(), 5.0, "the gauge")


def test_a_wrong_token_is_counted_as_a_security_event(
    door: HttpDoorstep, caller: HttpCaller
) -> None:
    HttpCaller(caller.port, "no-token-of-ours").ask("GET", "/api/v1/visits")
    counted = 'event_type="authentication_failed",source="web"'
    until(lambda: counted in door.metrics().replace(", ", ","), 5.0, "the counter")


@pytest.mark.parametrize(
    ("body", "headers", "refusal"),
    [
        (b"{", JSON, (HTTPStatus.BAD_REQUEST, "bad_body")),
        (b"[]", JSON, (HTTPStatus.BAD_REQUEST, "bad_body")),
        (b"\xff\xfe", JSON, (HTTPStatus.BAD_REQUEST, "bad_body")),
        (b'{"wait": 3}', JSON, (HTTPStatus.BAD_REQUEST, "bad_body")),
        (b'{"who": "me"}', JSON, (HTTPStatus.BAD_REQUEST, "bad_body")),
        (b"[" * 10_000, JSON, (HTTPStatus.BAD_REQUEST, "bad_body")),
        (b"wait=1", {}, (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_json")),
        (b" " * 20_000, JSON, (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")),
    ],
)
def test_a_bad_body_rings_nobody(
    door: HttpDoorstep,
    caller: HttpCaller,
    body: bytes,
    headers: dict[str, str],
    refusal: tuple[HTTPStatus, str],
) -> None:
    before = journalled(door)
    answer = caller.ask("POST", "/api/v1/rings", body, headers)
    assert (answer.status, answer.body["error_code"]) == refusal
    assert answer.is_problem
    assert journalled(door) == before


def test_a_body_cut_short_rings_nobody(door: HttpDoorstep, caller: HttpCaller) -> None:
    before = journalled(door)
    head = (
        f"POST /api/v1/rings HTTP/1.1\r\nHost: door\r\n"
        f"Authorization: Bearer {caller.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 14\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", caller.port), 5.0) as sock:
        sock.sendall(head.encode() + b'{"wait"')
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)
    assert caller.ask("GET", "/api/v1/visits").status == HTTPStatus.OK
    assert journalled(door) == before


def test_an_endless_body_is_hung_up_on(door: HttpDoorstep, caller: HttpCaller) -> None:
    before = journalled(door)
    head = (
        f"POST /api/v1/rings HTTP/1.1\r\nHost: door\r\n"
        f"Authorization: Bearer {caller.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 999999999\r\n\r\n"
    )
    sent = 0
    with (
        socket.create_connection(("127.0.0.1", caller.port), 5.0) as sock,
        contextlib.suppress(ConnectionError),
    ):
        sock.sendall(head.encode())
        while sent < 64 << 20:
            sent += sock.send(b" " * 65536)
    assert sent < 16 << 20
    assert journalled(door) == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", HTTPStatus.NOT_FOUND),
        ("GET", "/api/v1/people", HTTPStatus.NOT_FOUND),
        ("DELETE", "/api/v1/visits", HTTPStatus.METHOD_NOT_ALLOWED),
        ("GET", "/api/v1/visits?limit=0", HTTPStatus.BAD_REQUEST),
        ("GET", "/api/v1/visits?limit=101", HTTPStatus.BAD_REQUEST),
        ("GET", "/api/v1/visits?limit=%C2%B2", HTTPStatus.BAD_REQUEST),
        ("GET", "/api/v1/visits?sort=name", HTTPStatus.BAD_REQUEST),
    ],
)
def test_every_refusal_is_a_problem(
    caller: HttpCaller, method: str, path: str, status: HTTPStatus
) -> None:
    answer = caller.ask(method, path)
    assert answer.status == status
    assert answer.is_problem
    assert answer.headers["X-Request-ID"]


def test_a_flood_of_refusals_is_no_flood_of_lines(
    door: HttpDoorstep, caller: HttpCaller
) -> None:
    for _ in range(120):
        caller.ask("GET", "/nothing-here")
    lines = [
        line for line in door.log.read_text().splitlines() if "/nothing-here" in line
    ]
    assert 1 <= len(lines) <= 65


def test_what_is_no_http_is_answered_with_a_problem(caller: HttpCaller) -> None:
    answer = caller.say(b"\x16\x03\x01 hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert b"x-request-id: " in answer.lower()


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [("trace-7.a_B", True), ("a b", False), ("x" * 65, False), ("\u00e9", False)],
)
def test_a_harmless_request_id_is_kept(
    caller: HttpCaller, given: str, is_kept: bool
) -> None:
    answer = caller.ask("GET", "/api/v1/visits", headers={"X-Request-ID": given})
    assert (answer.headers["X-Request-ID"] == given) is is_kept


def test_a_client_that_says_nothing_keeps_nobody_waiting(
    caller: HttpCaller,
) -> None:
    silent = [
        socket.create_connection(("127.0.0.1", caller.port), 5.0) for _ in range(40)
    ]
    try:
        assert caller.ask("GET", "/api/v1/visits").status == HTTPStatus.OK
    finally:
        for one in silent:
            one.close()


def test_a_new_token_counts_at_once(door: HttpDoorstep, caller: HttpCaller) -> None:
    file = door.state / "web.token"
    file.write_text("another-token-of-the-owner\n")
    try:
        assert caller.ask("GET", "/api/v1/visits").status == HTTPStatus.UNAUTHORIZED
        other = HttpCaller(caller.port, "another-token-of-the-owner")
        assert other.ask("GET", "/api/v1/visits").status == HTTPStatus.OK
        file.write_text("short\n")
        answer = HttpCaller(caller.port, "short").ask("GET", "/api/v1/visits")
        assert answer.body["error_code"] == "token_unreadable"
    finally:
        file.write_text(f"{caller.token}\n")


def test_the_token_is_made_for_nobody_else(
    door: HttpDoorstep, caller: HttpCaller
) -> None:
    assert len(caller.token) >= 40
    assert (door.state / "web.token").stat().st_mode & 0o777 == 0o600
    assert caller.token not in door.log.read_text()


def test_requests_wait_while_a_killed_web_process_is_started_anew(
    own_door: HttpDoorstep,
) -> None:
    own_door.start()
    own_door.ready()
    caller = own_door.serving()
    os.kill(own_door.pid("web"), signal.SIGKILL)
    answer = caller.ask("POST", "/api/v1/rings")
    assert answer.status == HTTPStatus.ACCEPTED
    own_door.told()


def test_rings_beyond_the_allowance_are_refused(own_door: HttpDoorstep) -> None:
    own_door.change("[web]\n", "[web]\nrings_per_minute = 2\n")
    own_door.start()
    own_door.ready()
    caller = own_door.serving()
    statuses = [caller.ask("POST", "/api/v1/rings").status for _ in range(3)]
    assert statuses == [202, 202, 429]
    answer = caller.ask("POST", "/api/v1/rings")
    assert answer.is_problem
    assert 1 <= int(answer.headers["Retry-After"]) <= 31


def test_new_settings_count_without_a_refused_connection(
    own_door: HttpDoorstep,
) -> None:
    own_door.change("[web]\n", "[web]\nrings_per_minute = 1\n")
    own_door.start()
    own_door.ready()
    caller = own_door.serving()
    statuses = [caller.ask("POST", "/api/v1/rings").status for _ in range(2)]
    assert statuses == [202, 429]
    before = own_door.pid("web")
    own_door.change("rings_per_minute = 1\n", "rings_per_minute = 50\n")
    assert own_door.process is not None
    own_door.process.send_signal(signal.SIGHUP)
    until(
        lambda: caller.ask("POST", "/api/v1/rings").status == HTTPStatus.ACCEPTED,
        8.0,
        "the new allowance",
    )
    assert own_door.pid("web") != before


def test_a_request_in_hand_is_answered_before_the_end(
    own_door: HttpDoorstep,
) -> None:
    own_door.start()
    own_door.ready()
    caller = own_door.serving()
    answers: list[int] = []

    def wait_for_the_decision() -> None:
        answer = caller.ask("POST", "/api/v1/rings", b'{"wait": true}', JSON)
        answers.append(answer.status)

    # The push is owed for a while, and the caller waits for it.
    own_door.sink._words[:] = ["500", "500"]
    waiting = threading.Thread(target=wait_for_the_decision)
    waiting.start()
    until(own_door.visits, 5.0, "the visit")
    assert own_door.stop() == 0
    waiting.join(5.0)
    assert answers == [HTTPStatus.OK]


def test_a_port_in_use_silences_no_bell(own_door: HttpDoorstep) -> None:
    with socket.create_server(("127.0.0.1", own_door.port)):
        own_door.start()
        own_door.ready()
        own_door.press()
        own_door.told()
        assert "in use" in own_door.tail()


def test_two_daemons_hand_over_a_shared_socket_without_a_failed_request(
    tmp_path: Path,
) -> None:
    """As two slots do: the one that ends answers what it took, the other the rest."""
    token = tmp_path / "token"
    token.write_text("the-token-of-both-slots\n")
    doors = []
    with Sink() as sink, socket.create_server(("127.0.0.1", 0)) as listening:
        caller = HttpCaller(listening.getsockname()[1], token.read_text().strip())
        for name in ("blue", "green"):
            (tmp_path / name).mkdir()
            door = HttpDoorstep(tmp_path / name, sink, token_file=str(token))
            door.start_with(listening)
            doors.append(door)
        blue, green = doors
        statuses: list[int] = []
        end = threading.Event()

        def call() -> None:
            while not end.is_set():
                try:
                    statuses.append(caller.ask("GET", "/api/v1/visits").status)
                except OSError:
                    statuses.append(0)

        callers = [threading.Thread(target=call) for _ in range(4)]
        try:
            until(lambda: blue.is_up("web") and green.is_up("web"), 25.0, "both")
            for one in callers:
                one.start()
            until(lambda: len(statuses) > 50, 8.0, "requests")
            assert blue.stop() == 0
            count = len(statuses)
            until(lambda: len(statuses) > count + 50, 8.0, "requests of the other")
        finally:
            end.set()
            for one in callers:
                one.join(12.0) if one.ident else None
            for door in doors:
                door.kill()
    assert set(statuses) == {HTTPStatus.OK}
