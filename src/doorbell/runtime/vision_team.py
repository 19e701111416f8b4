"""One or more vision workers: who looks for which visit, and who answers questions.

A visit stays with one worker, which has its evidence. The first worker also glances at
the porch before anybody rings, so that it gets the first visit; questions of commands
go to the last one that is free, so that they keep no visit waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.stages.vision_messages import ForgetVisit, Look

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

VISION = "vision"


def kind_of(role: str) -> str:
    """Return what a role does: `vision-2` is another `vision`."""
    return role.partition("-")[0]


def vision_roles(workers: int) -> tuple[str, ...]:
    """Return the roles of so many vision workers, the first one first."""
    return (VISION, *(f"{VISION}-{number}" for number in range(2, workers + 1)))


class VisionTeam:
    """The doorkeeper's view of the workers (`doorkeeper_needs.Workers`).

    Args:
        roles: of all workers of the daemon.
        send: to a worker by its role; false if it is not there.
        is_up: whether a role's worker takes work now.
        is_lost: whether a role will not come back by itself.
    """

    def __init__(
        self,
        roles: Collection[str],
        send: Callable[[str, object, Sequence[int]], bool],
        is_up: Callable[[str], bool],
        is_lost: Callable[[str], bool],
    ) -> None:
        self._roles = [role for role in roles if kind_of(role) == VISION]
        self._send = send
        self._is_up = is_up
        self._is_lost = is_lost
        self._worker_of: dict[str, str] = {}
        # The visit whose frame a worker has in hand.
        self._in_hand: dict[str, str] = {}

    def send(self, role: str, message: object, fds: Sequence[int] = ()) -> bool:
        """Send to a worker; to vision, to the one that has the visit, if it is free."""
        if role != VISION:
            return self._send(role, message, fds)
        match message:
            case Look(visit=visit):
                return self._look(visit, message, fds)
            case ForgetVisit(visit=visit):
                worker = self._worker_of.pop(visit, VISION)
                return self._send(worker, message, fds)
            case _:
                return self._send(role, message, fds)

    def _look(self, visit: str, message: Look, fds: Sequence[int]) -> bool:
        worker = self._worker_of.get(visit) or self._free()
        if worker is None or worker in self._in_hand:
            return False
        if not self._send(worker, message, fds):
            return False
        self._worker_of[visit] = worker
        self._in_hand[worker] = visit
        return True

    def _free(self) -> str | None:
        up = (role for role in self._roles if self._is_up(role))
        return next((role for role in up if role not in self._in_hand), None)

    def answered(self, visit: str) -> None:
        """The look in hand of this visit ended."""
        for role, other in list(self._in_hand.items()):
            if other == visit:
                del self._in_hand[role]

    def down(self, role: str) -> list[str]:
        """A worker died, and its evidence with it; returns the visit it had in hand."""
        for visit, worker in list(self._worker_of.items()):
            if worker == role:
                del self._worker_of[visit]
        in_hand = self._in_hand.pop(role, None)
        return [] if in_hand is None else [in_hand]

    def is_lost(self, role: str) -> bool:
        """Whether the role will not come back by itself; of vision, all of them."""
        if role != VISION:
            return self._is_lost(role)
        return all(self._is_lost(one) for one in self._roles or [VISION])

    def up(self) -> list[str]:
        """Return the vision workers that take work now."""
        return [role for role in self._roles if self._is_up(role)]

    def for_question(self, role: str) -> str:
        """Return who is to be asked: of vision, the last one that has time."""
        if role != VISION:
            return role
        up = self.up()
        free = [one for one in up if one not in self._in_hand]
        return (free or up or [VISION])[-1]

    def tell_all(self, message: object, fds: Sequence[int] = ()) -> None:
        """Send to every vision worker."""
        for role in self.up():
            self._send(role, message, fds)
