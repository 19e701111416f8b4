"""`doorbell run`: the daemon, in a terminal or as a service."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from typing import TYPE_CHECKING

from msgspec import structs

from doorbell.cli.narrator import Narrator
from doorbell.cli.parsing import add_command
from doorbell.core.errors import DoorbellError
from doorbell.runtime.reporting import begin_log
from doorbell.runtime.sdnotify import SystemdNotifier
from monitoring.logging.structured_logging import log_uncaught

if TYPE_CHECKING:
    from config.production.production_settings import ProductionSettings
    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from doorbell.runtime.hub import Hub

log = logging.getLogger("doorbell")

LEVELS = {"development": "debug", "testing": "warning", "production": "info"}


def add_parser(subparsers: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        subparsers,
        "run",
        run=run,
        about="run the doorbell until Ctrl-C or SIGTERM; SIGHUP reads the settings "
        "again",
        example="doorbell --config /etc/doorbell/doorbell.toml run",
    )
    parser.add_argument(
        "--standby",
        action="store_true",
        help="load everything beside the doorbell that runs, take nothing from it, "
        "and wait for SIGUSR1 to take over",
    )


def with_log_level(
    settings: ProductionSettings, *, in_terminal: bool
) -> ProductionSettings:
    """Fill in the log level: as set, else quiet for a narrator, else by profile."""
    quiet = in_terminal and settings.profile == "production"
    level = settings.log.level or ("warning" if quiet else LEVELS[settings.profile])
    return structs.replace(settings, log=structs.replace(settings.log, level=level))


def run(context: Context) -> int:
    """Serve until told to stop."""
    in_terminal = (
        sys.stdout.isatty() and not SystemdNotifier(context.environ).is_service
    )
    settings = with_log_level(context.settings, in_terminal=in_terminal)
    begin_log(settings)
    log_uncaught()
    narrator = Narrator() if in_terminal else None
    asyncio.run(_serve(settings, context, narrator))
    return 0


async def _serve(
    settings: ProductionSettings, context: Context, narrator: Narrator | None
) -> None:
    # What other commands are not to pay for.
    from doorbell.runtime.daemon import Daemon  # noqa: PLC0415 - see above

    announcements: set[asyncio.Task[None]] = set()

    def started(hub: Hub) -> None:
        log.info("started", extra={"state": hub.summary()})
        if narrator is not None:
            narrator.names = hub.household.names
            announcements.add(asyncio.create_task(_announce(hub, narrator)))

    daemon = Daemon(
        settings,
        context.environ,
        lambda: with_log_level(context.reload(), in_terminal=narrator is not None),
        narrator.watch if narrator else None,
        begins="standby" if context.args.standby else "active",
    )
    await daemon.run(started)


async def _announce(hub: Hub, narrator: Narrator) -> None:
    """Say when everything works, or what does not."""
    narrator.say("the bell can be rung; camera and recognition are starting")
    for role in hub.supervisor.workers:
        with contextlib.suppress(DoorbellError):
            await hub.until_ready(role)
    narrator.say(f"ready: {hub.summary()}. Ctrl-C ends.")
