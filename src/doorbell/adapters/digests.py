"""Digests of model files, and of what an embedding depends on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def file_digest(path: Path) -> bytes:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def space_of(digests: Sequence[bytes], alignment: str) -> str:
    """Return the embedding space of models and the alignment before them.

    Args:
        digests: SHA-256 of each model file, in a fixed order.
        alignment: names it and its version.
    """
    digest = hashlib.sha256(alignment.encode())
    for part in digests:
        digest.update(part)
    return digest.hexdigest()
