"""A doorbell of one module, for drills: it starts, stands by, rings, and fails.

It is put into wheels by `tiny_release`, which writes the two constants anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

BEHAVIOUR, VERSION = "good", "0.0.0"

WORD = threading.Event()
RINGS = {"success": 0, "degraded": 0}


def say(**values: object) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    text = "\n".join(f"{key.upper()}={value}" for key, value in values.items())
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sock, contextlib.suppress(OSError):
        sock.sendto(text.encode(), address)


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, text = 200, ""
        if self.path == "/health/ready":
            status = 503 if BEHAVIOUR == "unhealthy" else 200
            text = json.dumps({"failing": ["camera"] if status == 503 else []})
        elif self.path == "/metrics":
            text = "".join(
                f'pipeline_events_total{{event_type="ring",status="{k}"}} {v}\n'
                for k, v in RINGS.items()
            )
        elif self.path == "/version":
            text = VERSION
        elif self.path == "/ring":
            text = json.dumps(ring())
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


def ring() -> dict[str, object]:
    count = sum(RINGS.values())
    failed = BEHAVIOUR == "errors" and count % 5 == 0
    RINGS["degraded" if failed else "success"] += 1
    took_ms = 60.0 if BEHAVIOUR == "slow" else 20.0
    return {
        "decision": "degraded" if failed else "unknown",
        "reason": "too slow" if failed else None,
        "timings_ms": {"decision": took_ms},
    }


def press() -> None:
    port = os.environ["TINY_PORT"]
    with urlopen(f"http://127.0.0.1:{port}/ring", timeout=5) as answer:
        sys.stdout.write(answer.read().decode() + "\n")


def run() -> None:
    signal.signal(signal.SIGUSR1, lambda *_: WORD.set())
    if "--standby" in sys.argv:
        stand_by()
    lease = Path(os.environ["TINY_STATE"], "lease").open("w")  # noqa: SIM115 - held to the end
    say(status="standby: waits for the lease")
    while True:
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(0.01)
    serve()


def stand_by() -> None:
    if BEHAVIOUR == "migration":
        sys.exit("state.db cannot be migrated")
    say(ready=1, status="standby: warm")
    while not WORD.wait(0.05):
        say(watchdog=1)


def serve() -> None:
    class Server(ThreadingHTTPServer):
        allow_reuse_address = True

    server = Server(("127.0.0.1", int(os.environ["TINY_PORT"])), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if BEHAVIOUR == "starts never":
        time.sleep(3600)
    say(ready=1, status="all processes run")
    began = time.monotonic()
    while True:
        if BEHAVIOUR == "crashes" and time.monotonic() - began > 0.2:
            os._exit(1)
        if BEHAVIOUR != "hangs" or time.monotonic() - began < 0.2:
            say(watchdog=1)
        time.sleep(0.05)


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if "--version" in sys.argv:
        sys.stdout.write(f"doorbell {VERSION}\n")
    elif words[:1] == ["press"]:
        press()
    else:
        run()
