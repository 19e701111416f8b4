"""The web process: `python -m doorbell.web web LINK_FD [LISTENING_FD…]`.

Its loop is asyncio's; the proof of life is a beat that this loop itself sends.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import sys
from typing import TYPE_CHECKING

from doorbell.core.errors import BadSettingsError
from doorbell.runtime.child import as_child, first_message
from doorbell.runtime.reporting import Reporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.runtime.link import Link
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
    return as_child(role, link_fd, lambda link: _live(link, link_fd, fds))


if __name__ == "__main__":
    raise SystemExit(main())
