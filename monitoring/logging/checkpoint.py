"""Signed checkpoints: what the log was at a size, in a form others can check.

Pure, after C2SP: signed-note, tlog-checkpoint (Ed25519), tlog-cosignature (v1) and
tlog-proof. A checkpoint is three lines (origin, size, root), an empty line, and one
signature a line.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from monitoring.logging.tree import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

ED25519 = b"\x01"
COSIGNATURE = b"\x04"
ID_BYTES = 4
PUBLIC_BYTES = 32
# A note of C2SP carries at least sixteen signatures; more than that is no checkpoint.
MAX_NOTE_BYTES = 8192
MAX_PROOF_LINES = 63

_NOTE = re.compile(
    r"(?P<origin>[^\s+\x00-\x1f]+)\n(?P<size>0|[1-9]\d{0,18})\n"
    r"(?P<root>[A-Za-z0-9+/]{43}=)\n\n(?P<signatures>(?:— [^\s+]+ [A-Za-z0-9+/=]+\n)+)"
)
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)\n")


class CheckpointError(ValueError):
    """A note, a key or a proof is not what it should be."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key and the name it signs under.

    Attributes:
        name: of the log or the witness; for a log, its origin.
        public: Ed25519, 32 bytes.
        kind: signature type of C2SP.
    """

    name: str
    public: bytes
    kind: bytes = ED25519

    @property
    def id(self) -> bytes:
        """Four bytes that tell keys of one name apart."""
        text = self.name.encode() + b"\n" + self.kind + self.public
        return hashlib.sha256(text).digest()[:ID_BYTES]

    def __str__(self) -> str:
        key = base64.b64encode(self.kind + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{key}"

    @staticmethod
    def parse(text: str) -> Verifier:
        """Read `name+id+key`, as other tools print it.

        Raises:
            CheckpointError: it is no such key.
        """
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _decode(encoded)
        if raw[:1] not in (ED25519, COSIGNATURE) or len(raw) != PUBLIC_BYTES + 1:
            msg = "no Ed25519 verifier key: `name+id+base64`"
            raise CheckpointError(msg)
        found = Verifier(name, raw[1:], raw[:1])
        if not name or found.id.hex() != key_id:
            msg = "a verifier key whose id is not its own"
            raise CheckpointError(msg)
        return found

    def check(self, message: bytes, signature: bytes) -> None:
        """Check a signature.

        Raises:
            CheckpointError: it is not this key's.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature as error:
            msg = f"the signature is not that of {self.name}"
            raise CheckpointError(msg) from error


class Signer:
    """A private key and the name it signs under.

    Args:
        name: of the log or the witness; empty to derive the log's from its key.
        seed: 32 secret bytes.
        kind: signature type of C2SP.
    """

    def __init__(self, name: str, seed: bytes, kind: bytes = ED25519) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._key.public_key().public_bytes_raw()
        name = name or f"doorbell/{hashlib.sha256(public).hexdigest()[:16]}"
        self.verifier = Verifier(name, public, kind)

    def line(self, message: bytes, before: bytes = b"") -> str:
        """Sign, as one line of a note; `before` goes between id and signature."""
        raw = self.verifier.id + before + self._key.sign(message)
        return f"— {self.verifier.name} {base64.b64encode(raw).decode()}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log was at a size, and who signed that.

    Attributes:
        signatures: name and raw bytes (id and signature) of each line.
    """

    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes], ...] = ()

    @property
    def body(self) -> str:
        """The text that is signed."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\n"

    @property
    def note(self) -> str:
        """The whole note."""
        lines = [
            f"— {name} {base64.b64encode(raw).decode()}\n"
            for name, raw in self.signatures
        ]
        return f"{self.body}\n{''.join(lines)}"

    def check(self, verifier: Verifier) -> None:
        """Check that the log's key signed this.

        Raises:
            CheckpointError: it did not.
        """
        for name, raw in self.signatures:
            if name == verifier.name and raw[:ID_BYTES] == verifier.id:
                verifier.check(self.body.encode(), raw[ID_BYTES:])
                return
        msg = f"{verifier.name} has not signed the checkpoint of {self.size} records"
        raise CheckpointError(msg)

    def check_cosigned(self, witness: Verifier) -> int:
        """Check that a witness signed this; returns when, seconds since 1970.

        Raises:
            CheckpointError: it did not.
        """
        for name, raw in self.signatures:
            if name == witness.name and raw[:ID_BYTES] == witness.id:
                stamp, signature = raw[ID_BYTES : ID_BYTES + 8], raw[ID_BYTES + 8 :]
                at_s = int.from_bytes(stamp)
                witness.check(_cosigned(self.body, at_s), signature)
                return at_s
        msg = f"{witness.name} has not cosigned the checkpoint of {self.size} records"
        raise CheckpointError(msg)

    def signed_also(self, line: str) -> Checkpoint:
        """The same with one more signature line.

        Raises:
            CheckpointError: it is no signature line.
        """
        found = _SIGNATURE.fullmatch(line)
        if found is None:
            msg = "no signature line"
            raise CheckpointError(msg)
        more = (found[1], _decode(found[2]))
        return Checkpoint(self.origin, self.size, self.root, (*self.signatures, more))


def sign(signer: Signer, size: int, root: bytes) -> Checkpoint:
    """Sign what the log is now."""
    plain = Checkpoint(signer.verifier.name, size, root)
    return plain.signed_also(signer.line(plain.body.encode()))


def cosign(witness: Signer, checkpoint: Checkpoint, at_s: int) -> str:
    """Let a witness sign that it saw this, at a time; returns the signature line."""
    message = _cosigned(checkpoint.body, at_s)
    return witness.line(message, at_s.to_bytes(8))


def _cosigned(body: str, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{body}".encode()


def parse(text: str) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        CheckpointError: it is none.
    """
    found = _NOTE.fullmatch(text) if len(text) <= MAX_NOTE_BYTES else None
    if found is None:
        msg = "no checkpoint: origin, size, root, an empty line, signatures"
        raise CheckpointError(msg)
    return _checkpoint(found)


def find_all(text: str) -> list[Checkpoint]:
    """Find the whole checkpoints in a file of them; what was cut off is passed over.

    Each is written with an empty line before it, so one that was cut off within its
    last line is followed by something else than a line end, a zero or the end.
    """
    whole = re.finditer(rf"(?:\A|(?<=\n)){_NOTE.pattern}(?=[\n\0]|\Z)", text)
    found = []
    for one in whole:
        with contextlib.suppress(CheckpointError):
            found.append(_checkpoint(one))
    return found


def _checkpoint(found: re.Match[str]) -> Checkpoint:
    signatures = tuple(
        (one[1], _decode(one[2])) for one in _SIGNATURE.finditer(found["signatures"])
    )
    return Checkpoint(
        found["origin"], int(found["size"]), _decode(found["root"]), signatures
    )


def proof_lines(proof: Sequence[bytes]) -> str:
    """One hash a line, base64."""
    return "".join(f"{base64.b64encode(node).decode()}\n" for node in proof)


def inclusion_text(index: int, proof: Sequence[bytes], checkpoint: Checkpoint) -> str:
    """Write a proof as tlog-proof does."""
    head = f"c2sp.org/tlog-proof@v1\nindex {index}\n"
    return f"{head}{proof_lines(proof)}\n{checkpoint.note}"


def consistency_text(
    old_size: int, proof: Sequence[bytes], checkpoint: Checkpoint
) -> str:
    """Write what a log sends to a witness (tlog-witness, add-checkpoint)."""
    return f"old {old_size}\n{proof_lines(proof)}\n{checkpoint.note}"


def parse_consistency(text: str) -> tuple[int, list[bytes], Checkpoint]:
    """Read what `consistency_text` wrote.

    Raises:
        CheckpointError: it is something else.
    """
    head, gap, note = text.partition("\n\n")
    first, *lines = head.split("\n")
    found = re.fullmatch(r"old (0|[1-9]\d{0,18})", first)
    if not gap or found is None or len(lines) > MAX_PROOF_LINES:
        msg = "no submission: `old SIZE`, hashes, an empty line, a checkpoint"
        raise CheckpointError(msg)
    proof = [_decode(line) for line in lines]
    if any(len(node) != HASH_BYTES for node in proof):
        msg = "a line of the proof is no hash"
        raise CheckpointError(msg)
    return int(found[1]), proof, parse(note)


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        msg = "not base64"
        raise CheckpointError(msg) from error
