"""Ask the application port at a steady rate until told to end; runs in the container.

Standard library only: it is the system's own Python that runs it. Prints one line of
JSON at the end: how many requests, and what went wrong with which.
"""

from __future__ import annotations

import http.client
import json
import signal
import sys
import time
from pathlib import Path

PERIOD_S = 0.05
# Longer than any switch; a visitor's browser waits as long.
PATIENCE_S = 15.0


def main() -> None:
    """Load, then report."""
    token = Path(sys.argv[1]).read_text("ascii").strip()
    told = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    asked, failures, slowest_s = 0, [], 0.0
    due_s = time.monotonic()
    while not told:
        began_s = time.monotonic()
        try:
            status = ask(token)
        except (OSError, http.client.HTTPException) as error:
            failures.append(repr(error))
        else:
            if status != http.client.OK:
                failures.append(str(status))
        asked += 1
        slowest_s = max(slowest_s, time.monotonic() - began_s)
        due_s += PERIOD_S
        time.sleep(max(due_s - time.monotonic(), 0.0))
    report = {"asked": asked, "failures": failures, "slowest_s": slowest_s}
    print(json.dumps(report), flush=True)  # noqa: T201 - what it is for


def ask(token: str) -> int:
    """Ask once, on a connection of its own; returns the status."""
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=PATIENCE_S)
    try:
        headers = {"Authorization": f"Bearer {token}"}
        connection.request("GET", "/api/v1/visits", headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


if __name__ == "__main__":
    main()
