"""Verify an audit log without any of the doorbell's code.

    python verify_audit.py AUDIT_FOLDER

Says the first thing that is wrong and exits 1, or prints size and root and exits 0.
Needs Python 3.11 and `cryptography` (for the signature only). It reads logs that were
not pruned and do not end in a torn line; `doorbell audit verify` reads those too.
"""
# ruff: noqa: INP001 - a program to copy and read, in no package

import base64
import hashlib
import json
import re
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def merkle_root(hashes: list[bytes]) -> bytes:
    """Root of the tree of RFC 6962 over leaf hashes."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else hashlib.sha256().digest()
    split = 1 << (len(hashes) - 1).bit_length() - 1
    left, right = merkle_root(hashes[:split]), merkle_root(hashes[split:])
    return hashlib.sha256(b"\1" + left + right).digest()


folder, leaves, prev = Path(sys.argv[1]), [], "0" * 64
files = sorted(folder.glob("*.log"), key=lambda file: [*map(int, file.stem.split("-"))])
ends = [int(file.stem[:12]) for file in files[1:]]
for file, end in zip(files, [*ends, sys.maxsize], strict=True):
    # Beyond the number with which the next file begins, nothing was ever on disk.
    for line in file.read_bytes().splitlines()[: max(end - len(leaves), 0)]:
        record = json.loads(line)
        if record["seq"] != len(leaves) or record["prev"] != prev:
            sys.exit(f"record {len(leaves)} in {file.name} does not follow")
        leaves.append(hashlib.sha256(b"\0" + line).digest())
        prev = leaves[-1].hex()

name, key_id, key = (folder / "vkey").read_text().strip().split("+", 2)
public, size = base64.b64decode(key)[1:], 0
for file in sorted(folder.glob("*.checkpoints")):
    note = rf"({re.escape(name)}\n(\d+)\n(.+)\n)\n— {re.escape(name)} (.+)\n"
    for text, count, root, signature in re.findall(note, file.read_text("utf-8")):
        raw, size = base64.b64decode(signature), int(count)
        # `verify` raises InvalidSignature if the key did not sign this.
        Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text.encode())
        if raw[:4].hex() != key_id or size > len(leaves):
            sys.exit(f"{size} records were signed, {len(leaves)} are here")
        if merkle_root(leaves[:size]) != base64.b64decode(root):
            sys.exit(f"the first {size} records are not those that were signed")
root = merkle_root(leaves).hex()
sys.stdout.write(f"{len(leaves)} records, root {root}, {size} signed\n")
