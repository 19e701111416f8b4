"""A child process: `python -m doorbell.runtime.worker ROLE LINK_FD RING_FD`.

It reads its settings from the link, lets `stage_wiring` build the stage of its role,
and turns the loop whose every round is the proof of life. No thread says "alive" on
behalf of a loop that hangs.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import logging
import select
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

from doorbell.core.errors import DoorbellError
from doorbell.runtime import stage_wiring
from doorbell.runtime.carried import about, addressed
from doorbell.runtime.link import Link
from doorbell.runtime.reporting import Reporter
from doorbell.stages.directions import FromHub
from doorbell.stages.messages import Beat, Broken, Configure, Ready, Stop
from monitoring.logging.structured_logging import error_id, log_uncaught

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from doorbell.ports.stage import Stage

log = logging.getLogger("doorbell.worker")

BEAT_S = 1.0
# So that a machine that is busy elsewhere does not make a sound worker look hung.
BEATS_IN_SILENCE = 3
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class LinkOutlet:
    """What a stage may say: messages, and how long it will be silent."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        """Send one message; ends with the hub."""
        self._link.send(addressed(message), fds)

    def busy(self, within_s: float) -> None:
        """Announce that the loop will not turn for up to `within_s` seconds."""
        self._link.send(Beat(within_s=within_s))


def _nothing() -> None:
    """Nobody reports."""


def serve(
    stage: Stage,
    link: Link,
    silence_s: float,
    report: Callable[[], None] = _nothing,
) -> None:
    """Turn the loop until the hub says stop or is gone.

    Args:
        stage: started; its `handle` and `turn` are the work.
        link: to the hub.
        silence_s: promised longest pause between two beats.
        report: tells what was noticed meanwhile; called after the work of each round.
    """
    outlet = LinkOutlet(link)
    poller = select.poll()
    poller.register(link, select.POLLIN)
    for fd in stage.descriptors():
        poller.register(fd, select.POLLIN)
    period_s = min(BEAT_S, silence_s / BEATS_IN_SILENCE)
    beat_due_s = 0.0
    while True:
        now_s = time.monotonic()
        if now_s >= beat_due_s:
            outlet.busy(silence_s)
            beat_due_s = now_s + period_s
        rest_s = min(stage.turn(now_s), beat_due_s - time.monotonic())
        report()
        wait_s = max(rest_s, 0.0)
        ready = [fd for fd, _ in poller.poll(wait_s * 1000)]
        if link.fileno() in ready and not _take(stage, link):
            return


def _take(stage: Stage, link: Link) -> bool:
    got = link.receive()
    if got is None:
        return False
    message, fds = got
    if isinstance(message, Stop):
        return False
    with about(message):
        stage.handle(message, fds)
    return True


def die_with_parent(role: str) -> None:
    """End when the supervisor does, even if stopped or hung by then.

    The button has rings in hand: it is only woken, sees that the hub is gone, and
    brings them to disk first.
    """
    number = signal.SIGCONT if role == "button" else signal.SIGKILL
    # One that died before this is noticed at the first read from the link.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def first_message(link: Link) -> Configure:
    """Wait for the settings; ends the process when the hub is gone."""
    got = link.receive()
    if got is None:
        raise SystemExit(0)
    message, _ = got
    if not isinstance(message, Configure):
        msg = f"expected Configure, got {type(message).__name__}"
        raise TypeError(msg)
    return message


def _live(role: str, link: Link, ring_fd: int) -> None:
    reporter = Reporter(link)
    configuration = first_message(link)
    settings = configuration.settings
    reporter.begin(role, settings)
    stage = stage_wiring.build_stage(role, configuration, ring_fd)
    try:
        detail = stage.start(LinkOutlet(link))
        link.send(Ready(detail=detail))
        silence_s = settings.supervision.progress_timeout_s
        serve(stage, link, silence_s, reporter.flush)
    finally:
        stage.close()
        with contextlib.suppress(OSError):
            reporter.flush()


def report_failure(link: Link, role: str, error: DoorbellError) -> None:
    """Say why this process ends, in the log and to the hub, under one id."""
    found = {"role": role, "error": str(error), "error_id": error_id(error)}
    log.error("worker_failed", extra=found)
    link.send(
        Broken(
            message=str(error),
            hint=error.hint,
            exit_code=error.exit_code,
            error_id=error_id(error),
        )
    )


def main() -> int:
    """Run one role until its end; the exit code is for the log only."""
    role, link_fd, ring_fd = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    faulthandler.enable()
    log_uncaught()
    # Ctrl-C in a terminal reaches the whole group; the supervisor ends us in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with_parent(role)
    link = Link(socket.socket(fileno=link_fd), FromHub)
    try:
        _live(role, link, ring_fd)
    except BrokenPipeError:
        return 0
    except DoorbellError as error:
        report_failure(link, role, error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
