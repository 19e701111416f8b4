"""A child process: `python -m doorbell.runtime.worker ROLE LINK_FD RING_FD`.

It reads its settings from the link, lets `stage_wiring` build the stage of its role,
and turns the loop whose every round is the proof of life. No thread says "alive" on
behalf of a loop that hangs.
"""

from __future__ import annotations

import contextlib
import select
import sys
import time
from typing import TYPE_CHECKING

from doorbell.runtime import stage_wiring
from doorbell.runtime.carried import about, addressed
from doorbell.runtime.child import as_child, first_message
from doorbell.runtime.reporting import Reporter
from doorbell.stages.messages import Beat, Ready, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from doorbell.ports.stage import Stage
    from doorbell.runtime.link import Link

BEAT_S = 1.0
# So that a machine that is busy elsewhere does not make a sound worker look hung.
BEATS_IN_SILENCE = 3


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


def main() -> int:
    """Run one role until its end; the exit code is for the log only."""
    role, link_fd, ring_fd = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    return as_child(role, link_fd, lambda link: _live(role, link, ring_fd))


if __name__ == "__main__":
    raise SystemExit(main())
