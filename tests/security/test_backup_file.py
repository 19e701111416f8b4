"""A backup tells nothing without its passphrase, and a bad one harms nothing."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.backup_file import (
    DATA,
    IDENTITY,
    BackupWriter,
    read_backup,
    unlock,
    write_backup,
)
from doorbell.core.backup import Manifest, is_ours, parse_manifest
from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from pyrage import x25519

    from doorbell.adapters.backup_file import Source

PASSPHRASE = "correct horse battery"
CANARY = b"canary-4711" * 20_000


def _fill(writer: BackupWriter) -> Manifest:
    writer.add("state.db", io.BytesIO(CANARY), len(CANARY))
    writer.add("keys/master.key", io.BytesIO(b"k" * 32), 32)
    return writer.finish("1.0", None, "one")


@pytest.fixture(scope="module")
def backup() -> bytes:
    out = io.BytesIO()
    write_backup(out, PASSPHRASE, _fill)
    return out.getvalue()


@pytest.fixture(scope="module")
def key(backup: bytes) -> x25519.Identity:
    return unlock(io.BytesIO(backup), PASSPHRASE)


def _read(content: bytes, key: x25519.Identity) -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    def take(name: str, size: int, content: Source) -> None:
        found[name] = content.read(size)

    read_backup(io.BytesIO(content), key, take)
    return found


def _place_of(content: bytes, name: str) -> int:
    with tarfile.open(fileobj=io.BytesIO(content)) as outer:
        return outer.getmember(name).offset_data


def test_what_went_in_comes_out(backup: bytes, key: x25519.Identity) -> None:
    assert _read(backup, key) == {"state.db": CANARY, "keys/master.key": b"k" * 32}


def test_it_tells_nothing(backup: bytes) -> None:
    assert b"canary" not in backup
    assert b"AGE-SECRET-KEY" not in backup


def test_another_passphrase_opens_nothing(backup: bytes) -> None:
    with pytest.raises(BadInputError, match="passphrase is wrong"):
        unlock(io.BytesIO(backup), "correct horse staple")


@pytest.mark.parametrize("place", [0, 300, 5000, -3000])
def test_a_flipped_bit_is_noticed(
    backup: bytes, key: x25519.Identity, place: int
) -> None:
    at = _place_of(backup, DATA) + place if place >= 0 else len(backup) + place
    damaged = bytearray(backup)
    damaged[at] ^= 0x40
    with pytest.raises(BadInputError, match="damaged"):
        _read(bytes(damaged), key)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.97])
def test_a_cut_file_is_noticed(
    backup: bytes, key: x25519.Identity, share: float
) -> None:
    with pytest.raises(BadInputError):
        _read(backup[: int(share * len(backup))], key)


def test_a_damaged_key_is_noticed(backup: bytes) -> None:
    damaged = bytearray(backup)
    damaged[_place_of(backup, IDENTITY) + 40] ^= 1
    with pytest.raises(BadInputError):
        unlock(io.BytesIO(damaged), PASSPHRASE)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/cron.d/evil",
        "/etc/passwd",
        "audit/../state.db",
        "pictures/2026-01/../../x.enc",
        "keys/other.key",
        "state.db/x",
        "pictures/2026-01/a\n.enc",
    ],
)
def test_no_file_leaves_the_state_directory(name: str) -> None:
    assert not is_ours(name)


@pytest.mark.timeout(30)
def test_a_forged_member_is_refused() -> None:
    def fill(writer: BackupWriter) -> Manifest:
        writer.add("../evil", io.BytesIO(b"x"), 1)
        return writer.finish("1.0", None, "one")

    out = io.BytesIO()
    write_backup(out, PASSPHRASE, fill)
    forged_key = unlock(out, PASSPHRASE)
    with pytest.raises(BadInputError, match="no backup of ours"):
        _read(out.getvalue(), forged_key)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff", b'{"files":[{}]}', b"[" * 100_000],
)
def test_a_bad_list_is_refused(content: bytes) -> None:
    with pytest.raises(BadInputError):
        parse_manifest(content)


def test_a_backup_of_the_future_names_the_release_it_needs() -> None:
    later = Manifest("9.1", None, "one", (), format=2).encode()
    with pytest.raises(BadInputError, match="format 2") as raised:
        parse_manifest(later)
    assert "9.1" in raised.value.hint


def test_a_disk_that_fills_up_while_writing_is_told() -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, f"No space left for {data!r:.9}")

    with pytest.raises(OSError, match="No space"):
        write_backup(Full(), PASSPHRASE, _fill)
