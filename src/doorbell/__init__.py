"""A doorbell for the Raspberry Pi that says who is there and keeps faces at home."""

from __future__ import annotations

import sys

# msgspec loads `typing_extensions` if it is there, though all it takes from it is in
# `typing`. That is 1 MB of each of our processes, so for this import it is not there.
_SPARED = "typing_extensions"
if _SPARED not in sys.modules:
    sys.modules[_SPARED] = None  # type: ignore[assignment]
    import msgspec  # noqa: F401 - with `typing` alone

    del sys.modules[_SPARED]
