"""What systemd keeps while a process is started anew, and how it comes back."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from doorbell.runtime.kept_descriptors import FIRST_FD, KeptDescriptors
from doorbell.runtime.sdnotify import SystemdNotifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify.sock"))
        sock.settimeout(5.0)
        yield sock


def notifier(manager: socket.socket) -> SystemdNotifier:
    return SystemdNotifier({"NOTIFY_SOCKET": manager.getsockname()})


def test_a_kept_line_goes_to_the_manager_with_a_name_it_can_hold(
    manager: socket.socket,
) -> None:
    ours, theirs = os.pipe()
    KeptDescriptors(notifier(manager), {}, 1).keep("GPIO17: at the door", ours)
    data, fds, _, _ = socket.recv_fds(manager, 4096, 1)
    assert set(data.decode().splitlines()) == {
        "FDSTORE=1",
        "FDNAME=GPIO17_ at the door",
        "FDPOLL=0",
    }
    os.write(theirs, b"x")
    assert os.read(fds[0], 1) == b"x"
    for fd in (ours, theirs, *fds):
        os.close(fd)


def test_what_is_meant_for_another_process_is_left_alone() -> None:
    environ = {"LISTEN_PID": "7", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "line"}
    assert KeptDescriptors(SystemdNotifier({}), environ, 8).kept("line") is None


def test_a_line_comes_back_once_and_what_nobody_wants_is_let_go(
    manager: socket.socket,
) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(_in_child(notifier(manager)))
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert manager.recv(4096) == b"FDSTOREREMOVE=1\nFDNAME=old"


def _in_child(systemd: SystemdNotifier) -> int:
    """Have descriptors where systemd puts them; 0 if all goes as promised."""
    reading, _ = os.pipe()
    for place in range(2):
        os.dup2(reading, FIRST_FD + place, inheritable=True)
    environ = {
        "LISTEN_PID": str(os.getpid()),
        "LISTEN_FDS": "2",
        "LISTEN_FDNAMES": "line:old",
    }
    kept = KeptDescriptors(systemd, environ, os.getpid())
    if kept.kept("line") != FIRST_FD or kept.kept("line") is not None:
        return 1
    if os.get_inheritable(FIRST_FD):
        return 2
    kept.forget_others()
    try:
        os.fstat(FIRST_FD + 1)
    except OSError:
        return 0
    return 3
