"""A hub that answers from a script, for tests of the command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self


class ScriptedConnection:
    """A connection whose replies are known beforehand.

    Args:
        script: by the name of a request's class, the replies to it. A reply is a
            message, a pair of a message and the bytes of its descriptor, or an
            exception, which is raised.

    Attributes:
        asked: every request, with the bytes of each descriptor sent along.
        roles: the workers asked for at the last connect.
        is_open: whether a command is connected now.
    """

    def __init__(self, script: Mapping[str, Sequence[Any]]) -> None:
        self._script = script
        self.asked: list[tuple[Any, list[bytes]]] = []
        self.roles: frozenset[str] | None = None
        self.is_open = False

    def __call__(self, settings: object, *, roles: frozenset[str]) -> Self:
        """Connect; in place of the runtime's `open_connection`."""
        del settings
        self.roles = roles
        return self

    def __enter__(self) -> Self:
        self.is_open = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.is_open = False

    def ask(
        self, request: object, fds: Sequence[int] = ()
    ) -> Iterator[tuple[Any, list[int]]]:
        """Record the request and play its replies."""
        self.asked.append((request, [_content(fd) for fd in fds]))
        for item in self._script.get(type(request).__name__, ()):
            if isinstance(item, BaseException):
                raise item
            reply, content = item if isinstance(item, tuple) else (item, None)
            yield reply, [] if content is None else [_holding(content)]

    def requests(self) -> list[object]:
        """Return what was asked, without descriptors."""
        return [request for request, _ in self.asked]


def _content(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def _holding(content: bytes) -> int:
    fd = os.memfd_create("scripted", os.MFD_CLOEXEC)
    os.write(fd, content)
    return fd
