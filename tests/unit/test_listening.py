"""Sockets handed over by the service manager, and what the web process is told."""

from __future__ import annotations

import socket

import pytest

from config.notify import Notify, Target
from config.production.production_settings import ProductionSettings
from doorbell.core.errors import BadSettingsError, UnavailableError
from doorbell.runtime.confided import confided
from doorbell.runtime.control import may
from doorbell.runtime.listening import bound, inherited_fds
from doorbell.runtime.requests import ErasePerson, ListVisits, PressRequest, ShowVisit
from doorbell.stages.messages import Configure
from doorbell.web import __main__ as web_program

SECRET = "json://phone.lan/?token=s3cr3t-of-the-phone"


@pytest.mark.parametrize(
    ("environ", "fds"),
    [
        ({}, []),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "1"}, [3]),
        ({"LISTEN_PID": "8", "LISTEN_FDS": "1"}, []),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "x"}, []),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:http"}, [3, 4]),
        (
            {
                "LISTEN_PID": "7",
                "LISTEN_FDS": "2",
                "LISTEN_FDNAMES": "gpio-17:doorbell-http.socket",
            },
            [4],
        ),
    ],
)
def test_only_what_is_meant_for_http_is_taken(
    environ: dict[str, str], fds: list[int]
) -> None:
    assert inherited_fds(environ, 7) == fds


def test_a_port_in_use_may_become_free_and_a_wrong_address_never() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UnavailableError, match="in use"),
    ):
        bound(f"127.0.0.1:{taken.getsockname()[1]}")
    with pytest.raises(BadSettingsError):
        bound("192.0.2.1:8080")
    with pytest.raises(BadSettingsError):
        bound("127.0.0.1:99999")


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0", "[::1]:0"])
def test_an_address_may_be_of_either_family(listen: str) -> None:
    if "[" in listen and not has_ipv6():
        pytest.skip("needs IPv6 on the loopback")
    with bound(listen) as sock:
        family = socket.AF_INET6 if "[" in listen else socket.AF_INET
        assert sock.family is family
        assert not sock.getblocking()


def test_the_web_process_is_told_no_target() -> None:
    target = Target(name="phone", url=SECRET)
    settings = ProductionSettings(notify=Notify(targets=[target]))
    whole = Configure(settings=settings, slot_size=1, slots=1)
    assert SECRET in repr(confided("notify", whole))
    assert SECRET not in repr(confided("web", whole))


def test_http_may_ring_and_list_and_nothing_else() -> None:
    assert may("web", PressRequest())
    assert may("web", ListVisits())
    assert not may("web", ShowVisit(visit="x"))
    assert not may("web", ErasePerson(who="x"))


def test_missing_packages_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web_program, "NEEDED", ("starlette", "no_such_server"))
    with pytest.raises(BadSettingsError, match="no_such_server") as caught:
        web_program._refuse_without_packages()
    assert "doorbell-edge[web]" in caught.value.hint
