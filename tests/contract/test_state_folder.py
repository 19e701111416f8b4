"""The key, the lock and the reserve beside the database."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.durable_file import write_file
from doorbell.adapters.master_key import create_master_key, read_master_key
from doorbell.adapters.reserve import Reserve
from doorbell.adapters.state_lock import StateLock
from doorbell.core.errors import StorageError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    key = create_master_key(path)
    assert read_master_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with pytest.raises(StorageError, match="not overwritten"):
        create_master_key(path)
    assert read_master_key(path) == key
    assert [entry.name for entry in path.parent.iterdir()] == ["master.key"]


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o666, 0o620, 0o602])
def test_a_key_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    create_master_key(path)
    path.chmod(mode)
    with pytest.raises(StorageError, match="open to others") as refused:
        read_master_key(path)
    assert "chmod 600" in refused.value.hint


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "master.key"
    write_file(path, bytes(length))
    with pytest.raises(StorageError, match="bytes, not 32"):
        read_master_key(path)


def test_a_pipe_or_folder_is_no_key(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(StorageError, match="not a file"):
            read_master_key(path)


HOLD = """
import sys
from pathlib import Path
from doorbell.adapters.state_lock import StateLock
with StateLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_says_who_holds_it_and_dies_with_its_holder(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UnavailableError, match=f"process {holder.pid}") as refused:
            StateLock(tmp_path)
        assert str(holder.pid) in refused.value.hint
        holder.kill()
    lock = StateLock(tmp_path)
    lock.release()
    lock.release()
    StateLock(tmp_path).release()


def test_the_reserve_is_of_real_blocks_and_given_up_once(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 1 << 20)
    assert not reserve.give_up()
    assert reserve.rebuild()
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 1 << 20
    assert reserve.rebuild()
    assert reserve.give_up()
    assert not reserve.give_up()


def test_a_reserve_larger_than_the_room_is_not_made(tmp_path: Path) -> None:
    assert not Reserve(tmp_path, 1 << 60).rebuild()
    assert not (tmp_path / "reserve").exists()
