"""Whatever goes in as a secret or a name comes out of no log, metric, trace or record.

Each canary is planted in an input of a running daemon; then everything that the daemon
wrote, told a scraper or a collector, or left on the card unsealed is searched for it.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep
from PIL import Image

from config.loader import load
from doorbell.core.errors import DoorbellError
from doorbell.runtime import requests as r
from doorbell.runtime.client import control_path
from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(90)

CANARIES = {
    "a person's name": "Canarina Vogelsang",
    "a name that is refused": "Zebulon Kanarek",
    "a name that is looked for": "Ottilie Fink",
    "a label": "Emberiza Ammer",
    "an address's password": "pw-kanarie-7f3k9q",
    "an address's path": "path-kanarie-2m8x4z",
    "an address's query": "query-kanarie-5t1v6b",
    "a file with an address": "file-kanarie-9c2d7e",
    "the collector's token": "otel-kanarie-3h8j1k",
    "a wrong token": "wrong-kanarie-6n4p0r",
    "a query of the operations port": "ops-kanarie-8s2u5w",
    "the text in a picture": "exif-kanarie-1a9b3c",
    "a forged message": "forged-kanarie-4d6e8f",
    "an unknown request": "request-kanarie-7g0h2j",
    "the environment": "env-kanarie-5k1l9m",
    "a rule's wording": "wording-kanarie-2n3o4p",
}


class Collector:
    """Takes spans, and keeps them as they came."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1/traces"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()
    yield one
    one.close()


def settings(folder: Path, sink: Sink, collector: Collector) -> str:
    (folder / "address").write_text(
        f"webhook+http://{sink.address}/{CANARIES['a file with an address']}"
    )
    token = CANARIES["the collector's token"]
    (folder / "header").write_text(f"Authorization: Bearer {token}")
    password, path = CANARIES["an address's password"], CANARIES["an address's path"]
    dead = f"http://me:{password}@127.0.0.1:9/{path}"
    return f"""
[operations]
listen = "127.0.0.1:0"
token_file = "{folder}/token"
[tracing]
endpoint = "{collector.address}"
header_file = "{folder}/header"
[notify]
deadline_s = 1.0
retry_first_s = 0.2
retry_max_s = 1.0
[[notify.targets]]
name = "phone"
url_file = "{folder}/address"
[[notify.targets.rules]]
person = "Canarina Vogelsang"
wording = "{CANARIES["a rule's wording"]} {{name}}"
[[notify.targets]]
name = "broken"
url = "webhook+{dead}?key={CANARIES["an address's query"]}"
timeout_s = 1.0
[[notify.targets]]
name = "library"
url = "json{dead.removeprefix("http")}"
timeout_s = 1.0
"""


@pytest.fixture
def house(tmp_path: Path, collector: Collector) -> Iterator[Doorstep]:
    with Sink() as sink:
        (tmp_path / "token").write_text("the-right-token-of-the-port")
        one = Doorstep(tmp_path, sink)
        text = one.config.read_text()
        text = text[: text.index("[operations]")] + "[log]\nformat = 'json'\n"
        text += f'level = "debug"\nslow_ms = 1\nfolder = "{tmp_path}/logs"\n'
        one.config.write_text(text + settings(tmp_path, sink, collector))
        one.settings = load(one.config, {})
        one.start(HOUSE_SECRET=CANARIES["the environment"])
        try:
            one.ready()
            yield one
        finally:
            one.kill()


def picture_with_text(house: Doorstep) -> Path:
    """Anna's photograph as JPEG, with words in it that nobody sees."""
    text = CANARIES["the text in a picture"]
    path = house.folder / "photo.jpg"
    with Image.open(house.porch / "anna.png") as image:
        exif = image.getexif()
        exif[0x010E] = exif[0x9286] = text
        image.save(path, quality=95, exif=exif, comment=text.encode())
    return path


def live(house: Doorstep) -> None:
    """Use every way in."""
    photo = picture_with_text(house)
    with house.connection() as connection:
        name = CANARIES["a person's name"]
        list(connection.ask(r.EnrolBegin(name=name, consent=f"asked {name}")))
        for _ in range(2):
            with photo.open("rb") as file:
                list(connection.ask(r.EnrolPhoto(label=name), [file.fileno()]))
        list(connection.ask(r.EnrolCommit()))
    house.stand("anna")
    house.press()
    assert house.sink.wait_for(1)
    with house.connection() as connection, photo.open("rb") as file:
        list(connection.ask(r.PressRequest(), [file.fileno()]))
    (visit, *_) = house.visits()
    refused = [
        r.EnrolBegin(name=CANARIES["a name that is refused"] + "\n", consent="x"),
        r.EnrolBegin(name=CANARIES["a person's name"], consent="again"),
        r.ShowPerson(who=CANARIES["a name that is looked for"]),
        r.LabelVisit(visit=visit.id, face=1, who=CANARIES["a label"]),
        r.ShowVisit(visit=CANARIES["an unknown request"]),
    ]
    for request in refused:
        with pytest.raises(DoorbellError):
            list(house.ask(request))
    forge(house, CANARIES["a forged message"])
    visit_port(house)


def forge(house: Doorstep, text: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.connect(str(control_path(house.settings)))
        caller.send(f'{{"type": "ShowStatus", "x": "{text}"'.encode())
        caller.recv(1 << 16)


def visit_port(house: Doorstep) -> None:
    for canary in ("a wrong token", "a query of the operations port"):
        with contextlib.suppress(urllib.error.HTTPError):
            scrape(house, f"/health?token={CANARIES[canary]}", CANARIES[canary])


def scrape(house: Doorstep, path: str, token: str) -> bytes:
    where = next(house.ask(r.ShowMetrics())).address
    request = urllib.request.Request(
        f"http://{where}{path}", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=3.0) as answer:  # noqa: S310 - our own port
        return bytes(answer.read())


def outputs(house: Doorstep, collector: Collector) -> dict[str, bytes]:
    """Everything that leaves the daemon's memory unsealed, by where it went."""
    found = {
        "metrics": scrape(house, "/metrics", "the-right-token-of-the-port"),
        "health": scrape(house, "/health", "the-right-token-of-the-port"),
    }
    told = [next(house.ask(r.ShowVisit(visit=one.id))) for one in house.visits()]
    found["notifications' errors"] = repr([one.view.told for one in told]).encode()
    until(lambda: b"look" in b"".join(collector.received), 10.0, "spans")
    assert house.stop() == 0
    found["traces"] = b"".join(collector.received)
    found["standard output"] = house.log.read_bytes()
    for path in [*house.state.rglob("*"), *(house.folder / "logs").rglob("*")]:
        if path.is_file():
            found[str(path.relative_to(house.folder))] = path.read_bytes()
    return found


def test_no_canary_comes_out_anywhere(house: Doorstep, collector: Collector) -> None:
    live(house)
    found = outputs(house, collector)
    assert b"security_event" in found["logs/security.log"]
    assert b"push_answered" in found["standard output"]
    assert any("audit" in where for where in found)
    leaks = {
        (what, where)
        for what, canary in CANARIES.items()
        for where, content in found.items()
        for word in {canary, *canary.split(" ")}
        if word.encode() in content
    }
    assert leaks == set()


CRASH = """
import sys, threading
from pathlib import Path
from config.loader import load
from doorbell.runtime.reporting import begin_log
from monitoring.logging.structured_logging import log_uncaught, protect_names
begin_log(load(Path(sys.argv[1]), {}))
log_uncaught()
protect_names(["Canarina Vogelsang"])
def fail():
    said = Path(sys.argv[1]).read_text()
    raise RuntimeError("could not tell Canarina Vogelsang\\n" + said)
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""


def test_a_process_that_dies_leaves_a_masked_report(tmp_path: Path) -> None:
    config, password = tmp_path / "doorbell.toml", CANARIES["an address's password"]
    config.write_text(
        f'[[notify.targets]]\nname = "a"\nurl = "json://me:{password}@127.0.0.1:9/x"\n'
        f'[camera]\nsource = "rtsp://u:{password}@127.0.0.1/1"\n'
    )
    died = subprocess.run(
        [sys.executable, "-c", CRASH, str(config)], capture_output=True, check=False
    )
    said = (died.stdout + died.stderr).decode()
    assert died.returncode == 1
    assert '"event":"thread_crashed"' in said
    assert '"event":"process_crashed"' in said
    assert said.count("RuntimeError") == 2
    assert len(died.stdout.splitlines()) == 2
    assert password not in said
    assert "Canarina" not in said
