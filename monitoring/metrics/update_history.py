"""How updates ended, counted from what the deployer wrote down.

The deployer is another program, run by root now and then; its history is the only word
it leaves. What ended long before this process started is not counted; what ended just
before is, since an update that goes back ends with a start of the old version.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from monitoring.metrics.label_values import update_result

if TYPE_CHECKING:
    from pathlib import Path

    from monitoring.metrics.metrics_collector import MetricsCollector

NAME = "doorbell_updates_total"
FILE = "deploy.json"
JUST_NOW = timedelta(minutes=10)
MAX_BYTES = 4 << 20


class Ended(msgspec.Struct, frozen=True):
    """A deployment that ended, as far as it is counted.

    Attributes:
        number: counts deployments, from 1.
        phase: how it ended.
        ended: wall time, ISO 8601.
    """

    number: int
    phase: str
    ended: str = ""


class _Written(msgspec.Struct, frozen=True):
    """The part of `deploy.json` that is read here."""

    history: list[Ended] = []


class UpdateHistory:
    """Follows the history of one machine's deployer.

    Args:
        folder: `[deploy] state_dir`.
        collector: counts.
    """

    def __init__(self, folder: Path, collector: MetricsCollector) -> None:
        self._path = folder / FILE
        self._collector = collector
        self._counted = -1

    def read(self, now: datetime | None) -> None:
        """Count what ended since the last reading.

        Args:
            now: wall time; None where the clock cannot be trusted.
        """
        history = self._history()
        if self._counted < 0:
            # Shown as zero first, so that what is counted next is seen to be new.
            self._counted = _last_before(history, now)
            return
        for one in history:
            if one.number > self._counted and one.phase in (update_result.values or ()):
                self._collector.count(NAME, 1.0, {"result": one.phase})
        self._counted = max((one.number for one in history), default=self._counted)

    def _history(self) -> list[Ended]:
        try:
            with self._path.open("rb") as file:
                written = msgspec.json.decode(file.read(MAX_BYTES), type=_Written)
        except (OSError, msgspec.MsgspecError):
            # No deployer here, or it is not for us to read.
            return []
        return sorted(written.history, key=lambda one: one.number)


def _last_before(history: list[Ended], now: datetime | None) -> int:
    """Number of the last that ended too long ago to be news; 0 if there is none."""
    old = [one.number for one in history if not _is_news(one, now)]
    return max(old, default=0)


def _is_news(one: Ended, now: datetime | None) -> bool:
    try:
        ended = datetime.fromisoformat(one.ended)
    except ValueError:
        return False
    if now is None:
        return False
    if ended.tzinfo is None:
        ended = ended.replace(tzinfo=UTC)
    return timedelta() <= now - ended <= JUST_NOW
