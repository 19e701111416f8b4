"""The beginning and the end of every child of the supervisor."""

from __future__ import annotations

import ctypes
import faulthandler
import logging
import signal
import socket
from typing import TYPE_CHECKING

from doorbell.core.errors import DoorbellError
from doorbell.runtime.link import Link
from doorbell.stages.directions import FromHub
from doorbell.stages.messages import Broken, Configure
from monitoring.logging.structured_logging import error_id, log_uncaught

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("doorbell.worker")

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def as_child(role: str, link_fd: int, live: Callable[[Link], None]) -> int:
    """Live as a child of the supervisor; returns the exit code, for the log only.

    Args:
        role: named by the supervisor.
        link_fd: our end of the link to it.
        live: what this child is for, until the hub says stop or is gone.
    """
    faulthandler.enable()
    log_uncaught()
    # Ctrl-C in a terminal reaches the whole group; the supervisor ends us in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _die_with_parent(role)
    link = Link(socket.socket(fileno=link_fd), FromHub)
    try:
        live(link)
    except BrokenPipeError:
        return 0
    except DoorbellError as error:
        _report_failure(link, role, error)
        return error.exit_code
    return 0


def _die_with_parent(role: str) -> None:
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


def _report_failure(link: Link, role: str, error: DoorbellError) -> None:
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
