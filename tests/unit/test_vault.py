"""What is sealed opens for its owner under its key, and for nobody else."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.adapters.vault import NONCE_BYTES, OVERHEAD_BYTES, Owner, Vault
from doorbell.core.errors import StorageError

MASTER = bytes(range(32))
OWNER = Owner("person-name", "a" * 32)


def test_a_master_key_has_32_bytes() -> None:
    for length in (0, 16, 31, 33):
        with pytest.raises(StorageError, match="32 bytes"):
            Vault(bytes(length))


def test_a_wrapped_key_opens_under_the_same_master_only() -> None:
    key, wrapped = Vault(MASTER).new_key(OWNER)
    assert Vault(MASTER).open_key(wrapped, OWNER) == key
    with pytest.raises(StorageError, match="another key") as refused:
        Vault(bytes(32)).open_key(wrapped, OWNER)
    assert "master key" in refused.value.hint


def test_a_value_moved_to_another_row_does_not_open() -> None:
    vault = Vault(MASTER)
    key, _ = vault.new_key(OWNER)
    sealed = vault.seal(key, b"Anna", OWNER)
    for other in (Owner("person-name", "b" * 32), Owner("person-consent", "a" * 32)):
        with pytest.raises(StorageError, match="tampered"):
            vault.unseal(key, sealed, other)


@given(st.binary(max_size=64), st.data())
def test_any_changed_bit_is_noticed(plain: bytes, data: st.DataObject) -> None:
    """Kills the mutants: no tag; version or key's fingerprint not looked at."""
    vault = Vault(MASTER)
    key, _ = vault.new_key(OWNER)
    sealed = bytearray(vault.seal(key, plain, OWNER))
    assert vault.unseal(key, bytes(sealed), OWNER) == plain
    assert len(sealed) == len(plain) + OVERHEAD_BYTES
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(StorageError, match="person-name of aaaa"):
        vault.unseal(key, bytes(sealed), OWNER)


@pytest.mark.parametrize("length", [0, 1, 5, OVERHEAD_BYTES - 1])
def test_a_cut_value_is_damaged(length: int) -> None:
    vault = Vault(MASTER)
    key, wrapped = vault.new_key(OWNER)
    with pytest.raises(StorageError, match="damaged"):
        vault.unseal(key, wrapped[:length], OWNER)


def test_no_nonce_is_used_twice() -> None:
    asked: list[int] = []

    def random(size: int) -> bytes:
        asked.append(size)
        return os.urandom(size)

    vault = Vault(MASTER, random)
    key, _ = vault.new_key(OWNER)
    sealed = {vault.seal(key, b"same", OWNER) for _ in range(100)}
    assert len({value[5 : 5 + NONCE_BYTES] for value in sealed}) == 100
    assert asked.count(NONCE_BYTES) == 101


def test_a_tombstone_names_nobody_without_the_key() -> None:
    digest = Vault(MASTER).tombstone("anna")
    assert digest == Vault(MASTER).tombstone("anna")
    assert digest != Vault(MASTER).tombstone("bert")
    assert digest != Vault(bytes(32)).tombstone("anna")
    assert len(digest) == 32


def test_the_fingerprint_is_not_the_key() -> None:
    fingerprint = Vault(MASTER).fingerprint
    assert fingerprint not in MASTER
    assert fingerprint != Vault(bytes(32)).fingerprint
