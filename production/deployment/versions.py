"""Versions of releases, as far as they are ours: `1.2.3`, `1.2.3rc1`. Pure."""

from __future__ import annotations

import re

from production.errors import ReleaseRefusedError

_FORM = re.compile(
    r"(?P<numbers>\d{1,9}(?:\.\d{1,9}){0,3})(?:(?P<stage>a|b|rc)(?P<count>\d{1,9}))?",
    re.ASCII,
)
_STAGES = {"a": 0, "b": 1, "rc": 2, None: 3}
_DEPTH = 4


def version_key(text: str) -> tuple[int, ...]:
    """Return what versions are ordered by.

    Raises:
        ReleaseRefusedError: it is no version of ours.

    >>> version_key("1.10") > version_key("1.9.9") > version_key("1.9.9rc1")
    True
    """
    found = _FORM.fullmatch(text)
    if found is None:
        msg = f"{text[:40]!r} is no version as `1.2.3`"
        raise ReleaseRefusedError(msg)
    numbers = [int(part) for part in found["numbers"].split(".")]
    numbers += [0] * (_DEPTH - len(numbers))
    return (*numbers, _STAGES[found["stage"]], int(found["count"] or 0))


def refuse_below(floor: str, version: str) -> None:
    """Let a version pass that is not below the floor.

    Raises:
        ReleaseRefusedError: it is below.
    """
    if floor and version_key(version) < version_key(floor):
        msg = f"{version} is below {floor}, the lowest version that may run here"
        raise ReleaseRefusedError(msg, hint="Deploy a newer release.")
