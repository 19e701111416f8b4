"""`DOORBELL_SECTION__KEY` variables, which stand above the file."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import msgspec
from msgspec import inspect

from config.errors import Mistake
from config.keys import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "DOORBELL_"

# Not settings, but read by the programs of this project.
OTHER_VARIABLES = {
    "DOORBELL_CONFIG": "settings file, where `--config` is not given",
    "DOORBELL_TEST_DATA": "folder with pictures for the tests",
    "DOORBELL_SLOT": "which slot a service is, said by `doorbell-deploy guard`",
    "DOORBELL_RUN_OPTIONS": "what it adds to the slot's command line",
    "DOORBELL_CACHE": "folder for what the build downloads",
}
# Kubernetes puts these into every pod beside a service called `doorbell`.
_KUBERNETES = re.compile(r"DOORBELL_(SERVICE_(HOST|PORT)|PORT)(_|$)")
_NOTHING = frozenset({"", "none", "null"})


def variable(section: str, key: str = "") -> str:
    """Name the variable that sets `[section] key`."""
    return PREFIX + "__".join(part.upper() for part in (section, key) if part)


def overrides(
    environ: Mapping[str, str], known: Mapping[str, tuple[str, str]]
) -> tuple[dict[tuple[str, str], str], list[Mistake]]:
    """Pick the settings out of the environment.

    Args:
        environ: all variables of the process.
        known: section and key of each variable that is a setting.

    Returns:
        Raw text by section and key, and a mistake for each variable nobody reads.
    """
    found: dict[tuple[str, str], str] = {}
    mistakes = []
    for name in sorted(environ):
        if name in known:
            found[known[name]] = environ[name]
        elif name.startswith(PREFIX) and not _is_foreign(name):
            message = f"nothing reads it{_near(name, known)}"
            mistakes.append(Mistake("", None, message, name))
    return found, mistakes


def parse(text: str, annotation: object) -> object:
    """Turn the text of a variable into what TOML would have given.

    Lists are written as in TOML or JSON. Text that fits nothing is returned as it is,
    for validation to refuse.
    """
    info = inspect.type_info(annotation)
    while isinstance(info, inspect.Metadata):
        info = info.type
    if isinstance(info, inspect.ListType):
        return _parse_list(text)
    if isinstance(info, inspect.StrType):
        return text
    if isinstance(info, inspect.UnionType) and text.strip().lower() in _NOTHING:
        return None
    try:
        return msgspec.convert(text.strip(), _plain(info), strict=False)
    except msgspec.ValidationError:
        return text


def _is_foreign(name: str) -> bool:
    return name in OTHER_VARIABLES or _KUBERNETES.match(name) is not None


def _near(name: str, known: Mapping[str, tuple[str, str]]) -> str:
    lowered = {word.lower(): word for word in [*known, *OTHER_VARIABLES]}
    guess = did_you_mean(name, lowered)
    for small, word in lowered.items():
        guess = guess.replace(f"`{small}`", f"`{word}`")
    return guess


def _plain(info: inspect.Type) -> object:
    """Return the type without its limits: those are checked in one place."""
    match info:
        case inspect.BoolType():
            return bool
        case inspect.IntType():
            return int
        case inspect.FloatType():
            return float
        case inspect.LiteralType(values=values):
            return type(values[0])
        case inspect.UnionType(types=types):
            others = [t for t in types if not isinstance(t, inspect.NoneType)]
            first = others[0]
            return _plain(first.type if isinstance(first, inspect.Metadata) else first)
        case _:
            return str


def _parse_list(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return document["value"] if list(document) == ["value"] else text
