"""A process that decodes pictures from outside opens no socket any more."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from doorbell.adapters.no_sockets import filter_code

LIMITS = "max_side=64, max_pixels=64, memory_bytes=1 << 30, cpu_s=5, output_bytes=64"
PROGRAM = f"""
import os, socket
from doorbell.adapters import picture_child
picture_child._bind(picture_child.Limits({LIMITS}))
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
    try:
        socket.socket(family)
    except PermissionError:
        continue
    raise SystemExit("a socket was opened")
try:
    socket.socketpair()
except PermissionError:
    os.write(1, b"decodes on")
"""


@pytest.mark.skipif(
    not filter_code(platform.machine()), reason="this machine's calls are not known"
)
def test_the_decoder_opens_no_socket_and_goes_on_working() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "decodes on"), done.stderr


def test_a_machine_we_do_not_know_gets_no_filter_of_another() -> None:
    assert filter_code("riscv64") == b""
    assert filter_code("x86_64") != filter_code("aarch64")
