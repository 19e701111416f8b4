"""The control socket: commands of people on this machine.

Who may do what is decided by the kernel's word on the caller (SO_PEERCRED) and the
pure rule `may`. To press is not to enrol, erase or export.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import logging
import os
import pwd
import re
import socket
import struct
from dataclasses import dataclass
from time import monotonic_ns
from typing import TYPE_CHECKING

from doorbell.core.errors import DoorbellError, NotAllowedError, UsageError
from doorbell.runtime import command_log, replies
from doorbell.runtime import requests as r
from doorbell.runtime.link import close_all
from doorbell.runtime.peer import Peer
from doorbell.runtime.security_desk import malformed, refused
from monitoring.logging.structured_logging import (
    CorrelationContext,
    correlation_id,
    error_id,
)

if TYPE_CHECKING:
    from pathlib import Path

    from doorbell.core.ring import RingSource
    from doorbell.runtime.commands import Commands, Conversation

log = logging.getLogger("doorbell.control")

_CREDENTIALS = struct.Struct("3i")
# Commands at once; a loop that opens connections must not starve the bell.
MAX_CONNECTIONS = 32

EVERYBODY = (r.PressRequest, r.ShowStatus, r.ShowHealth, r.RingSelfTest)
MEMBERS = (
    *EVERYBODY,
    *(r.ListVisits, r.ListPeople, r.TestTargets, r.ShowMetrics),
)
WEB = (r.PressRequest, r.ListVisits)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, by the kernel's word.

    Attributes:
        rank: "admin" for root, the daemon's own user and the admin group; "member"
            for the control group; "web" for who showed the token over HTTP; "other".
    """

    uid: int
    rank: str

    @property
    def source(self) -> RingSource:
        """What a ring of this caller counts as."""
        return "http" if self.rank == "web" else "command"


def may(rank: str, request: object) -> bool:
    """Whether a caller of this rank may ask this."""
    match rank:
        case "admin":
            return True
        case "member":
            return isinstance(request, MEMBERS)
        case "web":
            return isinstance(request, WEB)
        case _:
            return isinstance(request, EVERYBODY)


def _refuse_unless_allowed(caller: Caller, request: object) -> None:
    if not may(caller.rank, request):
        refused(caller.uid, type(request).__name__)
        msg = f"user {caller.uid} may not {_in_words(request)}"
        group = "group" if may("member", request) else "admin_group"
        hint = f"Run it as root or as a member of the group in [control] {group}."
        raise NotAllowedError(msg, hint=hint)


def _in_words(request: object) -> str:
    """Say what is asked for: `ListPeople` is `list people`."""
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(request).__name__)
    return words.removesuffix(" Request").lower()


def identify(sock: socket.socket, group: str, admin_group: str) -> Caller:
    """Ask the kernel who is at the other end."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, gid = _CREDENTIALS.unpack(raw)
    if uid in (0, os.geteuid()):
        return Caller(uid, "admin")
    groups = _groups_of(uid, gid)
    if admin_group in groups:
        return Caller(uid, "admin")
    return Caller(uid, "member" if group in groups else "other")


def _groups_of(uid: int, gid: int) -> set[str]:
    names = set()
    with contextlib.suppress(KeyError):
        user = pwd.getpwuid(uid)
        gids = os.getgrouplist(user.pw_name, gid)
        for one in gids:
            with contextlib.suppress(KeyError):
                names.add(grp.getgrgid(one).gr_name)
    return names


def listen(path: Path, group: str) -> socket.socket:
    """Bind the socket at `path`, mode 0660, its group as set if we may.

    The caller holds the state lock, so a socket file that is there is a leftover.

    Raises:
        UsageError: the path cannot be a socket's.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        sock.bind(str(path))
        path.chmod(0o660)
        with contextlib.suppress(KeyError, PermissionError):
            os.chown(path, -1, grp.getgrnam(group).gr_gid)
        sock.listen(16)
    except OSError as error:
        sock.close()
        msg = f"cannot listen at {path}: {error.strerror or error}"
        hint = (
            "Set [control] socket to a path shorter than 100 characters we may write."
        )
        raise UsageError(msg, hint=hint) from error
    sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return sock


def _failed(error: Exception) -> replies.Failed:
    """Say why a request was not carried out, under the id that the log has."""
    number = error_id(error)
    if isinstance(error, DoorbellError):
        return replies.Failed(
            message=str(error),
            hint=error.hint,
            exit_code=error.exit_code,
            error_id=number,
        )
    return replies.Failed(message=f"a bug: {type(error).__name__}", error_id=number)


class ControlServer:
    """Takes connections and lets `Commands` answer them.

    Args:
        commands: what can be asked.
        group: may press and look at lists.
        admin_group: may do everything.
    """

    def __init__(self, commands: Commands, group: str, admin_group: str) -> None:
        self._commands = commands
        self._group = group
        self._admin_group = admin_group
        self._sessions: set[asyncio.Task[None]] = set()
        self._listening: socket.socket | None = None

    def listen_on(self, sock: socket.socket) -> None:
        """Take connections from now on."""
        self._listening = sock
        asyncio.get_running_loop().add_reader(sock, self._accept)

    def _accept(self) -> None:
        if self._listening is None:
            return
        try:
            sock, _ = self._listening.accept()
        except OSError:
            return
        if len(self._sessions) >= MAX_CONNECTIONS:
            sock.close()
            return
        self.serve(sock)

    def serve(self, sock: socket.socket) -> None:
        """Answer one connection until it ends."""
        self._begin(sock, identify(sock, self._group, self._admin_group))

    def serve_web(self, fd: int) -> None:
        """Answer one request that came over HTTP, on the socket of this descriptor."""
        sock = socket.socket(fileno=fd)
        if len(self._sessions) >= MAX_CONNECTIONS:
            sock.close()
            return
        self._begin(sock, Caller(os.geteuid(), "web"))

    def _begin(self, sock: socket.socket, caller: Caller) -> None:
        task = asyncio.get_running_loop().create_task(self._session(sock, caller))
        self._sessions.add(task)
        task.add_done_callback(self._sessions.discard)

    async def _session(self, sock: socket.socket, caller: Caller) -> None:
        inbox: asyncio.Queue[tuple[object, list[int]] | None] = asyncio.Queue()
        peer = Peer(
            sock,
            r.AnyRequest,
            lambda message, fds: inbox.put_nowait((message, fds)),
            lambda: inbox.put_nowait(None),
            lambda: malformed("control", uid=caller.uid),
        )
        conversation = self._commands.conversation(peer, caller.uid, caller.source)
        try:
            while (got := await inbox.get()) is not None:
                request, fds = got
                try:
                    await self._answer(conversation, peer, caller, request, fds)
                finally:
                    close_all(fds)
        finally:
            conversation.close()
            peer.close()
            while not inbox.empty():
                left = inbox.get_nowait()
                close_all(left[1] if left else [])

    async def _answer(
        self,
        conversation: Conversation,
        peer: Peer,
        caller: Caller,
        request: object,
        fds: list[int],
    ) -> None:
        # What came over HTTP has an id already.
        with CorrelationContext(correlation_id() or None):
            began_ns = monotonic_ns()
            failure: Exception | None = None
            try:
                _refuse_unless_allowed(caller, request)
                note = await conversation.answer(request, fds)
                peer.send(replies.Done(note=note or ""))
            except Exception as error:  # noqa: BLE001 - the border between a command and the daemon
                failure = error
                peer.send(_failed(error))
            command_log.answered(request, caller.uid, began_ns, failure)

    def close(self) -> None:
        """Take no more connections and end those that are open."""
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
        for task in self._sessions:
            task.cancel()
