"""Tells a service on the network, again and again, that the bell can be rung.

A doorbell without power reports nothing: whoever waits for these calls does.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from config.masking import redact

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("doorbell.alerts")

TIMEOUT_S = 10.0


async def beat(url: str, every_s: float, is_sound: Callable[[], bool]) -> None:
    """Fetch `url` every `every_s` seconds while `is_sound()`, for as long as it runs.

    A service that does not answer changes nothing here; it is logged once.
    """
    was_heard = True
    while True:
        if is_sound():
            trouble = await asyncio.to_thread(_fetch, url)
            if trouble and was_heard:
                log.warning("heartbeat_failed", extra={"error": trouble})
            was_heard = not trouble
        await asyncio.sleep(every_s)


def _fetch(url: str) -> str:
    """Fetch it; return what went wrong, empty if nothing did."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the scheme was checked with the settings
            answer.read(1)
    except (OSError, urllib.error.URLError, http.client.HTTPException) as error:
        return redact(str(error))
    return ""
