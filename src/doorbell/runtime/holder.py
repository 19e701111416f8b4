"""`doorbell-button`: holds the button's line and writes the ring journal.

A service of its own that stays as it is while the daemon is updated, crashes, or is
not there. The stage is the one of the role "button"; what is different is who keeps
the line (the service manager, over our own restarts), and that the hub comes to us.
"""

from __future__ import annotations

import argparse
import faulthandler
import fcntl
import logging
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import SettingsError
from config.holder import load_for_holder
from doorbell.core.errors import BadSettingsError, DoorbellError, UnavailableError
from doorbell.runtime import holder_parts
from doorbell.runtime.holder_wiring import build_holder
from doorbell.runtime.hub_side import HubSide, listen
from doorbell.runtime.kept_descriptors import KeptDescriptors
from doorbell.runtime.sdnotify import SystemdNotifier
from doorbell.stages.watching import Observe
from monitoring.logging.structured_logging import configure_logging, log_uncaught
from monitoring.metrics.error_counter import count_errors
from monitoring.metrics.recording import ObservationBuffer, send_to

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from config.production.production_settings import ProductionSettings
    from doorbell.stages.button import ButtonStage

log = logging.getLogger("doorbell.button")

BEAT_S = 1.0
# So that a machine that is busy elsewhere does not make a sound holder look hung.
BEATS_IN_SILENCE = 3


class Ending:
    """Whether we were told to end; wakes the loop."""

    def __init__(self) -> None:
        self.is_due = False
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        # SIGHUP too: the settings are read at the start, which takes half a second and
        # loses no edge.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._told)

    def _told(self, _number: int, _frame: object) -> None:
        self.is_due = True
        os.eventfd_write(self._wake_fd, 1)

    def descriptor(self) -> int:
        """Readable once we were told."""
        return self._wake_fd


class Holder:
    """The loop: one stage, a hub that comes and goes, the service manager.

    Args:
        stage: not yet started.
        hubs: listening.
        systemd: who watches us.
        silence_s: promised to the hub as the longest pause between two beats.
        observed: what this process records, for the hub.
    """

    def __init__(
        self,
        stage: ButtonStage,
        hubs: HubSide,
        systemd: SystemdNotifier,
        silence_s: float,
        observed: ObservationBuffer,
    ) -> None:
        self._stage, self._hubs, self._systemd = stage, hubs, systemd
        self._silence_s = silence_s
        self._period_s = min(BEAT_S, silence_s / BEATS_IN_SILENCE)
        if systemd.watchdog_s:
            self._period_s = min(self._period_s, systemd.watchdog_s)
        self._beat_due_s = 0.0
        self._observed = observed

    def serve(self, ending: Ending) -> None:
        """Turn until told to end."""
        stage, hubs = self._stage, self._hubs
        while not ending.is_due:
            now_s = time.monotonic()
            if now_s >= self._beat_due_s:
                self._beat(now_s)
            rest_s = min(stage.turn(now_s), self._beat_due_s - time.monotonic())
            sources = [*hubs.descriptors(), *stage.descriptors(), ending.descriptor()]
            select.select(sources, [], [], max(rest_s, 0.0))
            for message in hubs.heard():
                stage.handle(message, ())
            if hubs.admit():
                stage.greet()

    def _beat(self, now_s: float) -> None:
        self._beat_due_s = now_s + self._period_s
        self._hubs.busy(self._silence_s)
        self._report()
        # From the loop that does the work: no thread says "alive" for it.
        self._systemd.send(watchdog="1")

    def _report(self) -> None:
        """Say what was measured; kept while no hub listens, the oldest dropped."""
        while batch := self._observed.take():
            if not self._hubs.offer(Observe(observations=batch)):
                self._observed.put_back(batch)
                return


def run_folder(settings: ProductionSettings, environ: Mapping[str, str]) -> Path:
    """Return where sockets and the page of edges are: in memory, as a service."""
    service = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(service) if service else Path(settings.storage.dir) / "run"


def take_lock(run: Path) -> int:
    """Be the only holder; returns the descriptor that says so.

    Raises:
        UnavailableError: another one runs, or the folder cannot be made.
    """
    try:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(run / "holder.lock", flags, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        msg = f"another doorbell-button runs in {run}"
        raise UnavailableError(msg) from error
    except OSError as error:
        msg = f"cannot use {run}: {error.strerror or error}"
        raise UnavailableError(msg) from error
    return fd


def hold(settings: ProductionSettings, environ: Mapping[str, str]) -> None:
    """Hold the button until told to end.

    Raises:
        BadSettingsError: nothing says where hubs find us.
        UnavailableError: another holder runs.
    """
    if not settings.button.holder:
        msg = "[button] holder is empty: a worker of the daemon holds the button"
        raise BadSettingsError(msg, hint="Set it to a path in /run/doorbell.")
    ending = Ending()
    observed = ObservationBuffer()
    send_to(observed)
    count_errors()
    run = run_folder(settings, environ)
    lock_fd = take_lock(run)
    systemd = SystemdNotifier(environ)
    kept = KeptDescriptors(systemd, environ, os.getpid())
    hubs = HubSide(listen(Path(settings.button.holder)))
    stage = build_holder(settings, run, kept)
    try:
        hubs.detail = stage.start(hubs)
        kept.forget_others()
        systemd.send(ready="1", status=hubs.detail)
        log.info("button_held", extra={"detail": hubs.detail})
        silence_s = settings.supervision.progress_timeout_s
        Holder(stage, hubs, systemd, silence_s, observed).serve(ending)
    finally:
        stage.close()
        hubs.close()
        os.close(lock_fd)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the exit code is as `doorbell`'s."""
    parser = argparse.ArgumentParser(
        prog="doorbell-button",
        description="Hold the button's line and write down its rings, for whichever "
        "daemon listens.",
        epilog="example: doorbell-button --config /etc/doorbell/doorbell.toml",
        allow_abbrev=False,
    )
    parser.add_argument("--config", type=Path, help="settings file")
    parser.add_argument(
        "--parts",
        action="store_true",
        help="print a digest of what the program is made of, and end",
    )
    chosen = parser.parse_args(arguments)
    if chosen.parts:
        print(holder_parts.digest())  # noqa: T201 - as asked
        return 0
    faulthandler.enable()
    try:
        settings = load_for_holder(chosen.config, os.environ)
        level, style = settings.log.level or "info", settings.log.format
        configure_logging(level, style, sys.stdout)
        log_uncaught()
        hold(settings, os.environ)
    except (DoorbellError, SettingsError) as error:
        hint = f" ({error.hint})" if error.hint else ""
        print(f"doorbell-button: {error}{hint}", file=sys.stderr)  # noqa: T201 - the program's own words
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
