"""Questions to workers: asked by number, answered by a message that names it."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError
from doorbell.runtime.link import close_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Answer = tuple[object, list[int]]

ANSWER_S = 30.0


class Questions:
    """What workers were asked and have not answered yet.

    Args:
        send: to a worker by its role; false if it is not there.
        choose: which of several workers of a kind is to be asked.
    """

    def __init__(
        self,
        send: Callable[[str, object, Sequence[int]], bool],
        choose: Callable[[str], str],
    ) -> None:
        self._send = send
        self._choose = choose
        self._numbers = itertools.count(1)
        self._open: dict[int, tuple[str, asyncio.Future[Answer]]] = {}

    def next_number(self) -> int:
        """A number for a question."""
        return next(self._numbers)

    async def ask(
        self, role: str, number: int, message: object, fds: Sequence[int] = ()
    ) -> Answer:
        """Ask a worker and wait for its answer and its descriptors.

        Raises:
            UnavailableError: it is not there, died over it, or did not answer.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        role = self._choose(role)
        self._open[number] = (role, future)
        try:
            if not self._send(role, message, fds):
                msg = f"the {role} process is not running"
                raise UnavailableError(msg)
            async with asyncio.timeout(ANSWER_S):
                return await future
        except TimeoutError as error:
            msg = f"the {role} process did not answer in {ANSWER_S:.0f} s"
            raise UnavailableError(msg) from error
        finally:
            self._open.pop(number, None)

    def answered(self, number: int, message: object, fds: Sequence[int] = ()) -> None:
        """A worker answered; the descriptors belong to who asked, or are closed."""
        _, future = self._open.pop(number, ("", None))
        if future is not None and not future.done():
            future.set_result((message, list(fds)))
        else:
            close_all(fds)

    def worker_down(self, role: str) -> None:
        """Nobody will answer what this worker was asked."""
        for worker, future in list(self._open.values()):
            if worker == role and not future.done():
                error = UnavailableError(f"the {role} process died over this")
                future.set_exception(error)
