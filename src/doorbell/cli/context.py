"""What every command has in hand: settings, the connection to the hub, two streams."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO, TypeVar

from config.loader import load, settings_file
from config.masking import secrets_in
from doorbell.cli.shown import plain
from doorbell.core.errors import UnavailableError
from monitoring.logging.structured_logging import protect

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from config.production.production_settings import ProductionSettings
    from doorbell.runtime.replies import Reply
    from doorbell.runtime.requests import Request

_R = TypeVar("_R")


class Hub(Protocol):
    """A connection to the hub, be it a daemon or within this process."""

    def ask(
        self, request: Request, fds: Sequence[int] = ()
    ) -> Iterator[tuple[Reply, list[int]]]:
        """Send a request; yields each reply with its descriptors, now the caller's.

        Raises:
            DoorbellError: the hub could not or would not.
        """
        ...


class Connect(Protocol):
    """How a command comes by its connection."""

    def __call__(
        self, settings: ProductionSettings, *, roles: frozenset[str]
    ) -> AbstractContextManager[Hub]:
        """Connect; without a daemon, the hub runs here with workers for `roles`."""
        ...


class ReaderGoneError(Exception):
    """Nobody reads our output any more, as after `| head`."""


def connect_to_hub(
    settings: ProductionSettings, *, roles: frozenset[str]
) -> AbstractContextManager[Hub]:
    """Connect as the installed program does."""
    # Commands that need no hub start faster without it.
    from doorbell.runtime.client import open_connection  # noqa: PLC0415 - see above

    return open_connection(settings, roles=roles)


def connect_to_daemon(
    settings: ProductionSettings, *, roles: frozenset[str]
) -> AbstractContextManager[Hub]:
    """Connect to the daemon that runs; never be one."""
    from doorbell.runtime.client import open_daemon  # noqa: PLC0415 - as above

    return open_daemon(settings, roles=roles)


@dataclass
class Context:
    """The surroundings of one command."""

    args: argparse.Namespace
    environ: Mapping[str, str]
    connect: Connect = connect_to_hub
    reach: Connect = connect_to_daemon
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    stdin: TextIO = field(default_factory=lambda: sys.stdin)

    @cached_property
    def settings(self) -> ProductionSettings:
        """The settings of this machine; SettingsError when they are wrong."""
        return self.reload()

    def reload(self) -> ProductionSettings:
        """Read the settings again; those of the command stay as they are."""
        config = self.args.config
        settings = load(Path(config) if config else None, self.environ)
        protect(secrets_in(settings))
        return settings

    @property
    def settings_file(self) -> Path:
        """The file the settings come from; it may be absent."""
        config = self.args.config
        return settings_file(Path(config) if config else None, self.environ)

    @property
    def wants_json(self) -> bool:
        """Whether a script reads what we print."""
        return bool(getattr(self.args, "json", False))

    def hub(self, *roles: str) -> AbstractContextManager[Hub]:
        """Connect to the hub; `roles` are the workers the command needs."""
        return self.connect(self.settings, roles=frozenset(roles))

    def daemon(self) -> AbstractContextManager[Hub]:
        """Connect to the daemon; an error if none runs."""
        return self.reach(self.settings, roles=frozenset())

    def say(self, text: str = "") -> None:
        """Print for the reader of standard output."""
        try:
            self.out.write(f"{text}\n")
            self.out.flush()
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    def say_json(self, value: object) -> None:
        """Print one JSON object as one line."""
        self.say(json.dumps(value, ensure_ascii=False))

    def warn(self, text: str) -> None:
        """Print for the person at the terminal, not for a script."""
        self.err.write(f"{plain(text)}\n")
        self.err.flush()


def replies(hub: Hub, request: Request, fds: Sequence[int] = ()) -> Iterator[Reply]:
    """Ask, and yield the replies without what came beside them."""
    for reply, extra in hub.ask(request, fds):
        close_all(extra)
        yield reply


def answer(
    hub: Hub, request: Request, kind: type[_R], fds: Sequence[int] = ()
) -> tuple[_R, list[int]]:
    """Ask, and return the one reply of this kind with its descriptors.

    Raises:
        UnavailableError: the hub ended without such a reply.
    """
    found: tuple[_R, list[int]] | None = None
    for reply, extra in hub.ask(request, fds):
        if found is None and isinstance(reply, kind):
            found = reply, extra
        else:
            close_all(extra)
    if found is None:
        msg = f"the daemon did not answer with {kind.__name__}"
        raise UnavailableError(msg)
    return found


def carry_out(hub: Hub, request: Request) -> str:
    """Ask for something that is answered by `Done`; returns what the hub noted."""
    note = ""
    for reply in replies(hub, request):
        note = getattr(reply, "note", "") or note
    return note


def close_all(fds: Sequence[int]) -> None:
    """Close descriptors that nobody wants."""
    for fd in fds:
        os.close(fd)
