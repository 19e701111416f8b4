"""The web process: `python -m doorbell.web web LINK_FD [LISTENING_FD…]`.

Its loop is asyncio's; the proof of life is a beat that this loop itself sends.
"""

from __future__ import annotations

import asyncio
import faulthandler
import importlib.util
import logging
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

from config.errors import SettingsError
from doorbell.core.errors import BadSettingsError, DoorbellError
from doorbell.runtime.link import Link
from doorbell.runtime.worker import die_with_parent, first_message
from doorbell.stages.messages import Broken, FromHub
from monitoring.logging.structured_logging import configure_logging

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.stages.messages import Configure

log = logging.getLogger("doorbell.web")

NEEDED = ("starlette", "uvicorn")


def _refuse_without_packages() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        msg = f"{' and '.join(missing)} are not installed"
        hint = "`pip install 'doorbell-edge[web]'`, or [web] enabled = false."
        raise BadSettingsError(msg, hint=hint)


def _live(link: Link, link_fd: int, fds: Sequence[int]) -> None:
    configuration: Configure = first_message(link)
    log_settings = configuration.settings.log
    configure_logging(log_settings.level or "info", log_settings.format, sys.stdout)
    _refuse_without_packages()
    from doorbell.web.process import WebProcess  # noqa: PLC0415 - needs the packages

    async def run() -> None:
        process = WebProcess(
            socket.socket(fileno=os.dup(link_fd)), configuration.settings, fds
        )
        await process.run()

    asyncio.run(run())


def main() -> int:
    """Serve until the hub says stop or is gone."""
    role, link_fd, *fds = sys.argv[1], *map(int, sys.argv[2:])
    faulthandler.enable()
    # As every worker: the supervisor ends us in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with_parent(role)
    link = Link(socket.socket(fileno=link_fd), FromHub)
    try:
        _live(link, link_fd, fds)
    except BrokenPipeError:
        return 0
    except (DoorbellError, SettingsError) as error:
        return _report(link, error)
    return 0


def _report(link: Link, error: DoorbellError | SettingsError) -> int:
    log.error("worker_failed", extra={"role": "web", "error": str(error)})
    hint = getattr(error, "hint", "")
    link.send(Broken(message=str(error), hint=hint, exit_code=error.exit_code))
    return error.exit_code


if __name__ == "__main__":
    raise SystemExit(main())
