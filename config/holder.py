"""The settings as the button holder reads them: its own, whatever else is there.

The holder stays as it is while the daemon is updated, so the file may hold sections
and keys of a later release. Those are the daemon's to judge; here an unknown key is no
mistake, and a wrong value is one only where the holder would use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from config import environment
from config.errors import SettingsError
from config.loader import document_at, merged, place_in, variables
from config.production.production_settings import ProductionSettings
from config.validation import Validator, section_types

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Of each section the holder reads: all keys, or these.
READS: dict[str, tuple[str, ...]] = {
    "button": (),
    "chime": (),
    "features": ("chime",),
    "log": (),
    "notify": ("timezone",),
    "storage": ("dir",),
    "supervision": ("progress_timeout_s",),
}


def load_for_holder(
    path: Path | None, environ: Mapping[str, str]
) -> ProductionSettings:
    """Load what the holder reads; everything else has its default.

    Raises:
        SettingsError: one of its own values is wrong, or the file is no TOML.
    """
    overrides, _ = environment.overrides(environ, variables())
    document = document_at(path, environ)
    validator = Validator(lambda key: place_in(document, overrides, key))
    values = own_values(merged(document, overrides))
    settings = validator.table(ProductionSettings, values, ())
    if validator.mistakes:
        raise SettingsError(validator.mistakes)
    return settings


def own_values(values: Mapping[str, object]) -> dict[str, object]:
    """Return the tables and keys that the holder knows and reads."""
    types = section_types()
    own: dict[str, object] = {}
    for section, keys in READS.items():
        table = values.get(section, {})
        known = {info.name for info in msgspec.structs.fields(types[section])}
        if isinstance(table, dict):
            wanted = known.intersection(keys or known)
            own[section] = {key: table[key] for key in table if key in wanted}
        else:
            own[section] = table
    if "profile" in values:
        own["profile"] = values["profile"]
    return own
