"""The one place where settings are read, put together and checked.

One TOML file, over it `DOORBELL_SECTION__KEY` variables. Secrets are not read here:
`config.secrets` does, in the process that needs them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from config import environment
from config.consistency import conflicts
from config.errors import Mistake, SettingsError
from config.files import Document, read_document
from config.production.production_settings import ProductionSettings
from config.validation import Validator, section_types

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.consistency import Conflict
    from config.locator import Path as KeyPath

DEFAULT_PATH = Path("/etc/doorbell/doorbell.toml")
_PROFILE = ("profile", "")


def load(path: Path | None, environ: Mapping[str, str]) -> ProductionSettings:
    """Load the settings of this machine.

    Args:
        path: the file asked for, which must then exist. None for that in
            `DOORBELL_CONFIG`, else the default file, which may be absent.
        environ: the environment variables.

    Raises:
        SettingsError: with every mistake that could be found.
    """
    known = variables()
    overrides, mistakes = environment.overrides(environ, known)
    try:
        document = document_at(path, environ)
    except SettingsError as error:
        mistakes[:0] = error.mistakes
        document = Document()
    validator = Validator(lambda key: place_in(document, overrides, key))
    settings = validator.table(ProductionSettings, merged(document, overrides), ())
    _check_together(settings, validator)
    mistakes += validator.mistakes
    if mistakes:
        # One key may be wrong in two ways; a person reads the file from the top.
        raise SettingsError(sorted(mistakes, key=_reading_order))
    return settings


def document_at(path: Path | None, environ: Mapping[str, str]) -> Document:
    """Read the file asked for, else the default one, which may be absent.

    Raises:
        SettingsError: it is not there, or cannot be read.
    """
    file = settings_file(path, environ)
    try:
        return read_document(file)
    except FileNotFoundError:
        if path is None and not environ.get("DOORBELL_CONFIG"):
            return Document()
        raise SettingsError([Mistake("", None, "no such file", str(file))]) from None


def settings_file(path: Path | None, environ: Mapping[str, str]) -> Path:
    """Return the file that is read, whether it is there or not.

    Args:
        path: the file asked for, or None.
        environ: may name another one in `DOORBELL_CONFIG`.
    """
    return path or Path(environ.get("DOORBELL_CONFIG") or DEFAULT_PATH)


def variables() -> dict[str, tuple[str, str]]:
    """Section and key of each environment variable that is a setting."""
    known = {environment.variable("profile"): _PROFILE}
    for section, kind in section_types().items():
        for info in msgspec.structs.fields(kind):
            known[environment.variable(section, info.name)] = (section, info.name)
    return known


def merged(
    document: Document, overrides: Mapping[tuple[str, str], str]
) -> dict[str, object]:
    """Lay the variables over the file."""
    values = dict(document.values)
    types = section_types()
    for (section, key), text in overrides.items():
        if (section, key) == _PROFILE:
            values[section] = text
            continue
        table = values.get(section, {})
        if isinstance(table, dict):
            parsed = environment.parse(text, _type_of(types[section], key))
            values[section] = {**table, key: parsed}
    return values


def _type_of(kind: type, key: str) -> object:
    return next(info.type for info in msgspec.structs.fields(kind) if info.name == key)


def place_in(
    document: Document, overrides: Mapping[tuple[str, str], str], path: KeyPath
) -> tuple[str, int | None]:
    """Tell which file and line, or which variable, set a key."""
    section, key = (*map(str, path[:2]), "", "")[:2]
    if (section, key) in overrides:
        return environment.variable(section, key), None
    return document.where, document.lines.line_of(path)


def _check_together(settings: ProductionSettings, validator: Validator) -> None:
    broken = frozenset(validator.broken)
    for conflict in conflicts(settings):
        # What was replaced by its default contradicts nothing.
        if not _involves(conflict, broken):
            validator.refuse(conflict.path, conflict.message)


def _involves(conflict: Conflict, broken: frozenset[KeyPath]) -> bool:
    return any(
        path[:depth] in broken
        for path in (conflict.path, *conflict.others)
        for depth in range(1, len(path) + 1)
    )


def _reading_order(mistake: Mistake) -> tuple[int, int]:
    return (0, mistake.line) if mistake.line else (1, 0)
