"""The web process: `python -m doorbell.web web LINK_FD [LISTENING_FD…]`.

Its loop is asyncio's; the proof of life is a beat that this loop itself sends.
"""

from __future__ import annotations

import asyncio
import faulthandler
import importlib.util
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

from doorbell.core.errors import BadSettingsError, DoorbellError
from doorbell.runtime.link import Link
from doorbell.runtime.reporting import Reporter
from doorbell.runtime.worker import die_with_parent, first_message, report_failure
from doorbell.stages.directions import FromHub
from monitoring.logging.structured_logging import log_uncaught

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.stages.messages import Configure

NEEDED = ("starlette", "uvicorn")


def _refuse_without_packages() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        msg = f"{' and '.join(missing)} are not installed"
        hint = "`pip install 'doorbell-edge[web]'`, or [web] enabled = false."
        raise BadSettingsError(msg, hint=hint)


def _live(link: Link, link_fd: int, fds: Sequence[int]) -> None:
    reporter = Reporter(link)
    configuration: Configure = first_message(link)
    settings = configuration.settings
    reporter.begin("web", settings)
    _refuse_without_packages()
    from doorbell.web.process import WebProcess  # noqa: PLC0415 - needs the packages

    async def run() -> None:
        sock = socket.socket(fileno=os.dup(link_fd))
        await WebProcess(sock, settings, fds, reporter.flush).run()

    asyncio.run(run())


def main() -> int:
    """Serve until the hub says stop or is gone."""
    role, link_fd, *fds = sys.argv[1], *map(int, sys.argv[2:])
    faulthandler.enable()
    log_uncaught()
    # As every worker: the supervisor ends us in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with_parent(role)
    link = Link(socket.socket(fileno=link_fd), FromHub)
    try:
        _live(link, link_fd, fds)
    except BrokenPipeError:
        return 0
    except DoorbellError as error:
        report_failure(link, role, error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
