"""What the button holder is made of, so that an update can leave it alone.

The holder's environment is made anew only when this changes: a release that touches
nothing of it does not restart it.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

# All that the holder imports; the deployer copies these out of a slot.
PACKAGES = frozenset({"config", "doorbell", "monitoring", "msgspec"})


def parts() -> dict[str, Path]:
    """Return the loaded modules of these packages, by name.

    To be asked by the holder's program, once everything it needs is imported.
    """
    return {
        name: Path(file)
        for name, module in sorted(sys.modules.items())
        if name.partition(".")[0] in PACKAGES
        and (file := getattr(module, "__file__", None)) is not None
    }


def digest() -> str:
    """Return one word for all of it, and for the interpreter it runs on."""
    whole = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for name, path in parts().items():
        whole.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return whole.hexdigest()
