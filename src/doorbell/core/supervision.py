"""Decide when a worker process is started, trusted, killed or given up.

Pure: it knows nothing of processes, sockets or clocks. The shell
(`doorbell.runtime.supervisor`) turns what happened into an `Event`, passes the time,
and carries out the `Action` it gets back.

States follow supervisord (STARTING, RUNNING, BACKOFF, FATAL); the restart budget
follows Erlang/OTP's "intensity per period".
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

# A killed process is gone within this, unless the kernel holds it.
KILL_AGAIN_S = 1.0


class State(StrEnum):
    """Where a worker stands in its life."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    FATAL = "fatal"


class Event(Enum):
    """What the shell observed."""

    READY = auto()
    PROGRESS = auto()
    EXITED = auto()
    CONFIG_ERROR = auto()
    TICK = auto()


class Action(Enum):
    """What the shell must do next."""

    NOTHING = auto()
    SPAWN = auto()
    KILL = auto()
    GIVE_UP = auto()


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Limits on one worker's life, all in seconds of monotonic time."""

    start_timeout_s: float = 60.0
    progress_timeout_s: float = 5.0
    backoff_s: float = 0.5
    backoff_max_s: float = 30.0
    budget: int = 5
    budget_window_s: float = 60.0


@dataclass(slots=True)
class Supervised:
    """One worker, as the supervisor sees it."""

    policy: RestartPolicy = field(default_factory=RestartPolicy)
    state: State = State.STOPPED
    deadline_s: float = 0.0
    deaths_s: deque[float] = field(default_factory=deque)
    deaths: int = 0

    def step(self, event: Event, now_s: float, within_s: float | None = None) -> Action:
        """Take `event` into account and say what to do about it.

        Args:
            event: what the shell saw; `TICK` when nothing happened.
            now_s: monotonic seconds. Wall time would restart workers whenever NTP
                corrects a Pi that booted without a clock.
            within_s: with `PROGRESS`, how long the worker announced to be silent;
                None for the policy's default.

        Returns:
            The one thing to do now. `KILL` is always followed by an `EXITED` from
            the shell, so the death is counted once, there.
        """
        match event, self.state:
            case _, State.FATAL:
                return Action.NOTHING
            case Event.TICK, State.STOPPED:
                return self._spawn(now_s)
            case Event.TICK, State.BACKOFF if now_s >= self.deadline_s:
                return self._spawn(now_s)
            case Event.TICK, State.STARTING | State.RUNNING if now_s >= self.deadline_s:
                self.deadline_s = now_s + KILL_AGAIN_S
                return Action.KILL
            case (Event.READY, State.STARTING) | (Event.PROGRESS, State.RUNNING):
                self.state = State.RUNNING
                self._extend(now_s, within_s)
                return Action.NOTHING
            case Event.CONFIG_ERROR, _:
                # A wrong setting does not heal by trying again.
                self.state = State.FATAL
                return Action.GIVE_UP
            case Event.EXITED, State.STARTING | State.RUNNING:
                return self._bury(now_s)
            case _:
                # A beat while starting proves nothing: only READY ends the start.
                return Action.NOTHING

    def pardon(self) -> None:
        """Forget all deaths and start again, on the owner's word."""
        self.deaths_s.clear()
        if self.state in (State.FATAL, State.BACKOFF):
            self.state = State.STOPPED

    def _extend(self, now_s: float, within_s: float | None) -> None:
        silence_s = self.policy.progress_timeout_s if within_s is None else within_s
        self.deadline_s = now_s + silence_s

    def _spawn(self, now_s: float) -> Action:
        self.state = State.STARTING
        self.deadline_s = now_s + self.policy.start_timeout_s
        return Action.SPAWN

    def _bury(self, now_s: float) -> Action:
        self.deaths += 1
        self.deaths_s.append(now_s)
        while now_s - self.deaths_s[0] > self.policy.budget_window_s:
            self.deaths_s.popleft()
        if len(self.deaths_s) > self.policy.budget:
            self.state = State.FATAL
            return Action.GIVE_UP
        delay_s = self.policy.backoff_s * 2 ** (len(self.deaths_s) - 1)
        self.state = State.BACKOFF
        self.deadline_s = now_s + min(delay_s, self.policy.backoff_max_s)
        return Action.NOTHING
