"""What the daemon knows of itself, gathered without waiting for anything.

One small value a check. Ages and durations are seconds of monotonic time.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """The camera, as its worker and its frames show it.

    Attributes:
        is_wanted: the settings name a camera.
        condition: as its worker says (`ok`, `absent`, `busy`, `black`, `frozen`).
        frame_age_s: of the newest frame; None before the first.
        stale_s: older than this is a fault.
        detail: the worker's words on its condition.
        hint: what the worker says would help.
    """

    is_wanted: bool
    condition: str
    frame_age_s: float | None
    stale_s: float
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """Recognition.

    Attributes:
        is_wanted: it is switched on in the settings.
        is_up: its worker passed the rehearsal and takes work.
        worker: where that worker stands in its life.
        name: of the engine; empty before it said so.
        note: what the engine says is missing.
        detail: what the worker said when it ended or became ready.
    """

    is_wanted: bool
    is_up: bool
    worker: str
    name: str = ""
    note: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class JournalFacts:
    """The button's process and its ring journal.

    Attributes:
        is_up: the process takes work.
        worker: where it stands in its life.
        condition: `ok` or `broken`, by its last write; empty before it said so.
        line: `ok`, `absent` or `off`.
    """

    is_up: bool
    worker: str
    condition: str = ""
    line: str = "ok"
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class StateFacts:
    """`state.db`, by its last trial.

    Attributes:
        took_ms: how long the last trial took; None if it failed or there was none.
        unanswered_s: for how long a trial has been waiting for the card; 0 if none.
        trouble: what is wrong with the card; empty while it works.
    """

    took_ms: float | None
    unanswered_s: float = 0.0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class OutboxFacts:
    """What waits to be told.

    Attributes:
        is_up: the notify process takes work.
        worker: where it stands in its life.
        targets: how many places there are to tell.
        waiting: pushes not yet told.
        oldest_s: age of the oldest of them; 0 without any.
        overdue_s: for how long one has been due without being tried; 0 if none is.
        refusing: targets whose last attempt failed, by their names in the settings.
        has_network: whether anything outside can be reached at all.
    """

    is_up: bool
    worker: str
    targets: int
    waiting: int = 0
    oldest_s: float = 0.0
    overdue_s: float = 0.0
    refusing: tuple[str, ...] = ()
    has_network: bool = True


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """One worker's life.

    Attributes:
        state: `stopped`, `starting`, `running`, `backoff` or `fatal`.
        deaths: since the daemon started.
    """

    role: str
    state: str
    deaths: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """The file system that holds the state.

    Attributes:
        is_known: it was asked and answered lately.
    """

    total_bytes: int
    free_bytes: int
    is_read_only: bool = False
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """The way out of this machine.

    Attributes:
        interfaces: names of those that are up, without the loopback.
        has_route: a default route exists.
    """

    interfaces: tuple[str, ...]
    has_route: bool
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class SyntheticFacts:
    """The rings that the doorbell gives itself.

    Attributes:
        every_s: how often; 0 when it is switched off.
        since_success_s: when the last one went well; None if none did yet.
        uptime_s: how long the daemon has been running.
        failure: what went wrong with the last one; empty if nothing did.
    """

    every_s: float
    since_success_s: float | None
    uptime_s: float
    failure: str = ""
