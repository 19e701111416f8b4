"""How often somebody may do a thing, and who was here lately. Pure: time is passed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

S_PER_MINUTE = 60.0
# Clients remembered at once: what an attacker can make us keep.
MAX_CLIENTS = 256


@dataclass(slots=True)
class Allowance:
    """So many in a minute, all at once if need be (a token bucket).

    Attributes:
        per_minute: at least 1.
        left: of the allowance now; full at the beginning.
        at_s: when `left` was right.
    """

    per_minute: int
    left: float = field(init=False)
    at_s: float = -math.inf

    def __post_init__(self) -> None:
        self.left = float(self.per_minute)

    def wait_s(self, now_s: float) -> float:
        """Take one and return 0, or return the seconds until there is one again."""
        rate = self.per_minute / S_PER_MINUTE
        gained = (now_s - self.at_s) * rate
        self.left = min(self.left + gained, float(self.per_minute))
        self.at_s = now_s
        if self.left < 1.0:
            return (1.0 - self.left) / rate
        self.left -= 1.0
        return 0.0


@dataclass(slots=True)
class Allowances:
    """One allowance for each client; the longest silent is forgotten first."""

    per_minute: int
    _clients: dict[str, Allowance] = field(default_factory=dict)

    def wait_s(self, client: str, now_s: float) -> float:
        """As `Allowance.wait_s`, of this client."""
        allowance = self._clients.pop(client, None) or Allowance(self.per_minute)
        self._clients[client] = allowance
        if len(self._clients) > MAX_CLIENTS:
            del self._clients[next(iter(self._clients))]
        return allowance.wait_s(now_s)


@dataclass(slots=True)
class RecentClients:
    """Clients seen within the last `window_s` seconds."""

    window_s: float
    _seen_s: dict[str, float] = field(default_factory=dict)

    def saw(self, client: str, now_s: float) -> None:
        """Note that a client was here now."""
        self._seen_s.pop(client, None)
        self._seen_s[client] = now_s
        if len(self._seen_s) > MAX_CLIENTS:
            del self._seen_s[next(iter(self._seen_s))]

    def count(self, now_s: float) -> int:
        """How many were here lately; the others are forgotten."""
        old = [c for c, at_s in self._seen_s.items() if now_s - at_s > self.window_s]
        for client in old:
            del self._seen_s[client]
        return len(self._seen_s)
