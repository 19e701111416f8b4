"""Encryption at rest: keys that belong to one person or visit, and what they seal.

The master key seals nothing itself. From it come two subkeys: one wraps the keys of
people and visits, one hashes the ids of the erased. Whoever destroys a wrapped key has
destroyed all that was sealed under it.

A sealed value is: version (1 byte), fingerprint of the key (4 bytes), nonce (12 bytes,
random), ciphertext with tag (ChaCha20-Poly1305). What it belongs to is authenticated
with it, so that a value moved to another row does not open. Random nonces of 96 bits
repeat with probability 2^-33 after 2^32 values under one key; the busiest key here, the
wrapping one, sees a few per visit.

Nothing here reads or writes files: `master_key` does.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from doorbell.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12
FINGERPRINT_BYTES = 4
TAG_BYTES = 16
REFERENCE_BYTES = 16
OVERHEAD_BYTES = 1 + FINGERPRINT_BYTES + NONCE_BYTES + TAG_BYTES


@dataclass(frozen=True, slots=True)
class Owner:
    """What a sealed value belongs to.

    Attributes:
        kind: what it is, e.g. `person-name`; without NUL.
        id: whose it is; without NUL.
    """

    kind: str
    id: str

    def associated_data(self, version: int) -> bytes:
        """What is authenticated beside the value."""
        return b"\0".join(
            (b"doorbell", self.kind.encode(), self.id.encode(), bytes((version,)))
        )


class Vault:
    """Wraps keys, seals values under them, and hashes ids of the erased.

    Args:
        master: 32 secret bytes.
        random: source of keys and nonces; another than the operating system's only
            in tests, since a repeated nonce gives the plaintext away.
    """

    def __init__(
        self, master: bytes, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        if len(master) != KEY_BYTES:
            msg = f"a master key has {KEY_BYTES} bytes, not {len(master)}"
            raise StorageError(msg)
        self._random = random
        self._wrapping = _subkey(master, b"doorbell wrap 1")
        self._erased = _subkey(master, b"doorbell tombstone 1")

    @property
    def fingerprint(self) -> bytes:
        """Tells master keys apart without telling anything about them."""
        return _fingerprint(self._wrapping)

    def new_key(self, owner: Owner) -> tuple[bytes, bytes]:
        """Make a key; returns it and, to be stored, the same wrapped."""
        key = self._random(KEY_BYTES)
        return key, self.seal(self._wrapping, key, owner)

    def open_key(self, wrapped: bytes, owner: Owner) -> bytes:
        """Open a wrapped key.

        Raises:
            StorageError: wrapped under another master key, or damaged.
        """
        return self.unseal(self._wrapping, wrapped, owner)

    def seal(self, key: bytes, plain: bytes, owner: Owner) -> bytes:
        """Encrypt `plain` under `key` for `owner` only."""
        nonce = self._random(NONCE_BYTES)
        cipher = ChaCha20Poly1305(key)
        sealed = cipher.encrypt(nonce, plain, owner.associated_data(VERSION))
        return bytes((VERSION,)) + _fingerprint(key) + nonce + sealed

    def unseal(self, key: bytes, sealed: bytes, owner: Owner) -> bytes:
        """Decrypt what `seal` made.

        Raises:
            StorageError: and which of: sealed by a newer release, under another
                key, or damaged or belonging to something else.
        """
        if len(sealed) < OVERHEAD_BYTES:
            raise _damaged(owner, f"only {len(sealed)} bytes are left")
        version, found = sealed[0], sealed[1 : 1 + FINGERPRINT_BYTES]
        if version != VERSION:
            raise _damaged(owner, f"version {version} of the format is unknown")
        if not hmac.compare_digest(found, _fingerprint(key)):
            msg = f"{owner.kind} of {owner.id} was sealed under another key"
            raise StorageError(msg, hint=WRONG_KEY_HINT)
        start = 1 + FINGERPRINT_BYTES
        nonce, rest = sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :]
        cipher = ChaCha20Poly1305(key)
        try:
            return cipher.decrypt(nonce, rest, owner.associated_data(version))
        except InvalidTag as error:
            raise _damaged(owner, "its seal is broken") from error

    def reference(self, key: bytes, person_id: str) -> str:
        """Name a person for records, 32 hexadecimal digits, from a key of theirs.

        Once that key is destroyed nobody can tell whose reference it was.
        """
        text = b"doorbell reference 1\0" + person_id.encode()
        return hmac.digest(key, text, "sha256")[:REFERENCE_BYTES].hex()

    def tombstone(self, person_id: str) -> bytes:
        """Hash the id of an erased person: same id, same 32 bytes, only with us."""
        return hashlib.blake2b(
            person_id.encode(), key=self._erased, digest_size=32
        ).digest()


WRONG_KEY_HINT = (
    "Put back the master key this state was written with, or restore a whole backup."
)


def _subkey(master: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(master)


def _fingerprint(key: bytes) -> bytes:
    return hashlib.blake2b(
        b"doorbell fingerprint", key=key, digest_size=FINGERPRINT_BYTES
    ).digest()


def _damaged(owner: Owner, why: str) -> StorageError:
    return StorageError(
        f"{owner.kind} of {owner.id} is damaged or was tampered with: {why}",
        hint="Check the card (`dmesg | tail`) and restore the last backup.",
    )
