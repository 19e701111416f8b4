"""Who owns no Prometheus hears of trouble all the same."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

from doorbell.runtime.client import control_path
from doorbell.testing.sink import Sink

if TYPE_CHECKING:
    from doorstep import Doorstep


def _alerts(sink: Sink) -> list[dict[str, str]]:
    bodies = [json.loads(request.body) for request in list(sink.received)]
    return [body for body in bodies if "attention" in body["title"]]


def _forge_a_message(doorstep: Doorstep) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.connect(str(control_path(doorstep.settings)))
        caller.send(b"\xffno message of ours")
        caller.recv(1 << 16)


def test_a_security_event_reaches_the_phones_once(doorstep: Doorstep) -> None:
    doorstep.change("[log]", "[metrics]\nscrape_s = 1.0\n[log]")
    doorstep.start()
    doorstep.ready()
    _forge_a_message(doorstep)
    assert doorstep.sink.wait_for(1)
    # Two more evaluations, and a visit, in which it could be told again.
    doorstep.press()
    doorstep.told(2)
    (alert,) = _alerts(doorstep.sink)
    assert "concerns security" in alert["message"]
    assert "message_malformed" in alert["message"]


def test_the_heartbeat_is_heard_while_the_bell_can_be_rung(doorstep: Doorstep) -> None:
    with Sink() as service:
        address = doorstep.folder / "heartbeat"
        address.write_text(f"http://{service.address}/beat-4711\n")
        doorstep.change("[log]", f'[alerts]\nheartbeat_url_file = "{address}"\n[log]')
        doorstep.start()
        assert service.wait_until(lambda got: any("beat-4711" in g.path for g in got))
