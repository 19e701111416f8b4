"""What the address of a target tells about it."""

from __future__ import annotations

# Services where a later push with the same id takes the place of the first: our own
# adapters. Services reached through apprise only ever add a message.
REPLACING_SCHEMES = frozenset(
    {"file", "ntfy+http", "ntfy+https", "webhook+http", "webhook+https"}
)

# Where the doorbell's own rings go: taken by nobody. No target of the settings can be
# called so.
NOWHERE = "*self-test*"


def can_replace(url: str) -> bool:
    """Whether a ring can be told at once and named later in the same message."""
    return url.partition(":")[0].lower() in REPLACING_SCHEMES
