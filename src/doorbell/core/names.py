"""Which names a person may be enrolled under, and when two names are the same.

A name ends up on screens, in notifications and in rules of the settings: it must be
one line, look like what it is, and belong to one person only.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME_CHARS = 80
CONSENT_CHARS = 200
# Persian, Hindi and others need them between letters; they are invisible, so they
# do not make a name another one.
_JOINERS = "\u200c\u200d"
# Control, format (all bidi controls are), surrogate, private, unassigned, and the
# separators of lines and paragraphs.
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean_name(raw: str) -> str:
    """Return a name in NFC, trimmed, runs of spaces made one.

    Raises:
        BadInputError: empty, longer than 80 characters, with characters that are
            not printable, or beginning with `*` as the rules' `*unknown*` does.
    """
    name = _clean(raw, "name", NAME_CHARS)
    if name.startswith("*"):
        msg = "a name cannot begin with *: rules use it for strangers"
        raise BadInputError(msg, hint="Choose another name.")
    return name


def clean_consent(raw: str) -> str:
    """Return the words on who consented, cleaned as a name, up to 200 characters."""
    return _clean(raw, "consent", CONSENT_CHARS)


def free_name(
    raw: str, enrolled: Iterable[tuple[str, str]], person_id: str | None = None
) -> str:
    """Return the cleaned name, if nobody else bears it.

    Args:
        raw: as it was given.
        enrolled: id and name of everybody.
        person_id: who is to bear it; None for somebody new.

    Raises:
        BadInputError: somebody else is called so, or it is no name.
    """
    cleaned = clean_name(raw)
    for other_id, name in enrolled:
        if name_key(name) == name_key(cleaned) and other_id != person_id:
            msg = f"somebody else is enrolled as {name}"
            hint = "Choose another name, or add photographs to that person."
            raise BadInputError(msg, hint=hint)
    return cleaned


def name_key(name: str) -> str:
    """Return what two names share when they are the same to a reader's eye.

    Case and invisible joiners do not count.
    """
    visible = "".join(char for char in name if char not in _JOINERS)
    folded = unicodedata.normalize("NFC", visible).casefold()
    return unicodedata.normalize("NFC", folded)


def _clean(raw: str, what: str, limit: int) -> str:
    # The length is looked at first: normalising a megabyte is work for nothing.
    if len(raw) > limit * 4:
        raise _bad(what, f"is longer than {limit} characters")
    spaced = "".join(
        " " if unicodedata.category(char) == "Zs" else char
        for char in unicodedata.normalize("NFC", raw)
    )
    text = " ".join(word for word in spaced.split(" ") if word)
    if not text.strip(_JOINERS):
        raise _bad(what, "is empty")
    if len(text) > limit:
        raise _bad(what, f"is longer than {limit} characters")
    for char in text:
        if char not in _JOINERS and unicodedata.category(char) in _REFUSED:
            raise _bad(what, f"contains U+{ord(char):04X}, which cannot be printed")
    return text


def _bad(what: str, why: str) -> BadInputError:
    return BadInputError(
        f"the {what} {why}", hint=f"Give a {what} of printable characters on one line."
    )
