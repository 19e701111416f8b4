"""What no log may repeat, in this process: secrets and people's names.

Secrets are known by shape (`config.masking.redact`) and by value, names by value only:
those of the household, as whole words.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from config.masking import MASK, MIN_SECRET_LENGTH, redact

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_VALUE_CHARS = 4000
_MARGIN = 1000
# A single letter is no name that could be told from a word.
_MIN_NAME_LENGTH = 2
# Of a household; more would only slow every line down.
_MOST_NAMES = 512


class Redactor:
    """Masks secrets in text: by shape always, by value those it was told of."""

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()
        self._names: dict[str, None] = {}
        self._named: re.Pattern[str] | None = None

    def protect(self, secrets: Iterable[str]) -> None:
        """Mask these values from now on, also percent-encoded; short ones are words."""
        known = {one for one in secrets if len(one) >= MIN_SECRET_LENGTH}
        known |= {quote(one, safe="") for one in known} | set(self._secrets)
        # A longer secret may contain a shorter one.
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def protect_names(self, names: Iterable[str]) -> None:
        """Mask these names of people from now on, as whole words, as they are spelt."""
        fresh = [one for one in names if one not in self._names]
        fresh = [one for one in fresh if len(one) >= _MIN_NAME_LENGTH]
        if not fresh:
            return
        self._names |= dict.fromkeys(fresh)
        while len(self._names) > _MOST_NAMES:
            del self._names[next(iter(self._names))]
        longest_first = sorted(self._names, key=len, reverse=True)
        words = "|".join(re.escape(one) for one in longest_first)
        self._named = re.compile(rf"(?<!\w)(?:{words})(?!\w)")

    def mask(self, text: str) -> str:
        """Return `text` without secrets and names."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        if self._named is not None:
            text = self._named.sub(MASK, text)
        return redact(text)

    def clean(self, text: str) -> str:
        """Return `text` without secrets, cut to a length that floods no log."""
        if len(text) <= MAX_VALUE_CHARS:
            return self.mask(text)
        # Cut after the masking, lest half a secret stay that has no shape any more.
        kept = self.mask(text[: MAX_VALUE_CHARS + _MARGIN])[:MAX_VALUE_CHARS]
        return f"{kept}… ({len(text)} characters)"


_redactor = Redactor()


def protect(secrets: Iterable[str]) -> None:
    """Never log these values from now on, in this process."""
    _redactor.protect(secrets)


def protect_names(names: Iterable[str]) -> None:
    """Never log these names of people from now on, in this process."""
    _redactor.protect_names(names)


def mask(text: str) -> str:
    """Return `text` without secrets, for what goes elsewhere than to the log."""
    return _redactor.mask(text)


def clean(text: str) -> str:
    """Return `text` as it may stand in a log line: masked, and not too long."""
    return _redactor.clean(text)


@lru_cache(256)
def hidden(key: str) -> str:
    """Return the mask when a key by its name holds a secret, else nothing."""
    probe = f"{key}=x"
    return MASK if redact(probe) != probe else ""
